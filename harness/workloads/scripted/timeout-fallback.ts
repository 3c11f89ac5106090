/**
 * Redis replies later than the client waits: the proxy in front of the master adds latency, and the client connects
 * through it. The environment sets the client's timeout; calls run in parallel, so that their waits overlap.
 */
import { waitUntil } from '../../wait.ts';
import { defineScript, equals, errorOf } from './script.ts';

export const timeoutFallback = defineScript({
  name: 'timeout-fallback',
  /** The deadline of a caller is the client's command timeout plus `slackMs` for everything else. */
  defaults: { slowness: 3, calls: 8, slackMs: 500, recoveryBoundMs: 10_000 },
  async run({ open, proxyBeforeMaster, expect, remember, tag, spec, parameters, signal }) {
    const { slowness, calls, slackMs, recoveryBoundMs } = parameters;
    const { commandTimeoutMs } = spec.settings;
    const proxy = await proxyBeforeMaster();
    const cache = open({}, proxy);
    const keyOf = (n: number | string) => {
      const logical = `timeout:${tag}:${n}`;
      remember(cache.physicalKey(logical));
      return logical;
    };
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    try {
      await cache.ping();
      const before = await cache.set(keyOf('before'), 'before');
      expect('fast-by-redis', 'before the fault Redis accepts writes', equals('redis', before.source));

      await proxy.add('slow', { type: 'latency', attributes: { latency: slowness * commandTimeoutMs } });
      const answers = await Promise.all(
        Array.from({ length: calls }, async (_, n) => {
          const startedAt = performance.now();
          const value = await cache.getOrCompute(keyOf(n), () => `value ${n}`);
          return { right: value === `value ${n}`, tookMs: performance.now() - startedAt };
        }),
      );
      const right = answers.filter((answer) => answer.right).length;
      const slowestMs = Math.max(...answers.map(({ tookMs }) => tookMs));
      expect('all-answered', 'every getOrCompute returns the right value', equals(calls, right));
      expect('within-deadline', 'the slowest getOrCompute answers within the deadline', {
        relation: 'at-most',
        expected: commandTimeoutMs + slackMs,
        actual: Math.round(slowestMs),
        unit: 'ms',
      });
      expect('read-does-not-throw', 'a plain read does not throw', {
        ...equals(null, await errorOf(() => cache.get(keyOf('before')))),
      });
      expect('write-to-memory', 'a write goes to the memory fallback and reports it', {
        ...equals('memory', (await cache.set(keyOf('during'), 'during')).source),
      });

      await proxy.remove('slow');
      const back = await waitUntil(
        'Redis to accept writes again',
        async () => (await cache.set(keyOf('after'), 'after')).source === 'redis',
        { boundMs: recoveryBoundMs, signal },
      ).catch(() => false);
      expect('recovered', 'writes go to Redis again once it is fast, without a restart', equals(true, back));
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    expect('none-unhandled', 'no rejection was left unhandled', equals(0, unhandled.length));
  },
});
