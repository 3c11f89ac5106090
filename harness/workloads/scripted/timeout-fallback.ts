/** Redis answers, but later than the client waits: latency before the master, the client straight through the proxy. */
import { until } from '../../until.ts';
import { equals, errorOf, scripted } from '../scripted.ts';

export const timeoutFallback = scripted({
  name: 'timeout-fallback',
  defaults: { commandTimeoutMs: 200, latencyMs: 3_000, calls: 8, deadlineMs: 1_000, recoveryBoundMs: 10_000 },
  async run({ open, proxyBeforeMaster, expect, remember, tag, parameters, signal }) {
    const { commandTimeoutMs, latencyMs, calls, deadlineMs, recoveryBoundMs } = parameters;
    const proxy = await proxyBeforeMaster();
    const cache = open({ commandTimeoutMs }, proxy.address);
    const key = (n: number | string) => {
      const logical = `timeout:${tag}:${n}`;
      remember(cache.physicalKey(logical));
      return logical;
    };
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    try {
      await cache.ping();
      const before = await cache.set(key('before'), 'before');
      expect('fast-by-redis', 'before the fault Redis takes writes', equals('redis', before.source));

      await proxy.add('slow', { type: 'latency', latencyMs });
      let right = 0;
      let slowestMs = 0;
      for (let n = 0; n < calls; n++) {
        const startedAt = performance.now();
        if ((await cache.getOrCompute(key(n), () => `value ${n}`)) === `value ${n}`) right++;
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      }
      expect('all-answered', 'every getOrCompute returns the right value', equals(calls, right));
      expect('within-deadline', 'the slowest of them within the deadline', {
        relation: 'at-most',
        expected: deadlineMs,
        actual: Math.round(slowestMs),
        unit: 'ms',
      });
      expect('read-does-not-throw', 'a plain read does not throw', {
        ...equals(null, await errorOf(() => cache.get(key('before')))),
      });
      expect('write-to-memory', 'a write goes to the memory fallback and says so', {
        ...equals('memory', (await cache.set(key('during'), 'during')).source),
      });

      await proxy.remove('slow');
      const back = await until(
        'Redis to take writes again',
        async () => (await cache.set(key('after'), 'after')).source === 'redis',
        { boundMs: recoveryBoundMs, signal },
      ).catch(() => false);
      expect('recovered', 'with Redis fast again, writes go to it without a restart', equals(true, back));
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    expect('none-unhandled', 'no rejection was left unhandled', equals(0, unhandled.length));
  },
});
