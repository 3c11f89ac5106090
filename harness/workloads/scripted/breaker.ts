/**
 * The circuit breaker through a whole outage, twice: once Redis hangs (a `timeout` toxic), once it is gone (the proxy
 * `down`). Calls one after the other, so that the number of failures that opened it is exact.
 */
import type { CacheEvent } from '../../../client/index.ts';
import type { FaultProxy } from '../../faults/proxy/index.ts';
import { until } from '../../until.ts';
import type { ScriptContext, ScriptedWorkload } from '../scripted.ts';
import { equals } from '../scripted.ts';

const OUTAGES: Readonly<Record<string, (proxy: FaultProxy) => Promise<void>>> = {
  hang: (proxy) => proxy.add('hang', { type: 'timeout', timeoutMs: 0 }),
  down: (proxy) => proxy.down(),
};

export const breaker = {
  kind: 'scripted',
  name: 'breaker',
  defaults: { commandTimeoutMs: 100, recoveryBoundMs: 10_000, openCallBoundMs: 50, maximumCalls: 50 },
  async run(context) {
    const proxy = await context.proxyBeforeMaster();
    for (const [outage, strike] of Object.entries(OUTAGES)) {
      await throughOutage(context, proxy, outage, () => strike(proxy));
    }
  },
} as const satisfies ScriptedWorkload;

async function throughOutage(
  { open, expect, remember, record, clock, tag, spec, parameters, signal }: ScriptContext,
  proxy: FaultProxy,
  outage: string,
  strike: () => Promise<void>,
): Promise<void> {
  const { commandTimeoutMs = 0, recoveryBoundMs = 0, openCallBoundMs = 0, maximumCalls = 0 } = parameters;
  const { threshold } = spec.settings.breaker;
  const cache = open(
    { commandTimeoutMs, breaker: { ...spec.settings.breaker, enabled: true } },
    proxy.address,
  );
  const key = `breaker:${tag}:${outage}`;
  remember(cache.physicalKey(key));
  const transitions: string[] = [];
  cache.on((event: CacheEvent) => {
    if (event.type !== 'breaker') return;
    const { from, to, cause } = event;
    transitions.push(`${from} to ${to}`);
    record({
      type: 'observe',
      from: 'client',
      name: 'breaker',
      client: 'kit',
      atUs: clock.nowUs(),
      data: { from, to, cause },
    });
  });
  await cache.ping();
  await cache.set(key, 'kept');
  expect(
    `${outage}-closed-before`,
    'closed while Redis answers',
    equals('closed', cache.stats().breaker.kind),
  );

  await strike();
  const struckUs = clock.nowUs();
  let calls = 0;
  while (cache.stats().breaker.kind === 'closed' && calls < maximumCalls) {
    await cache.get(key);
    calls++;
  }
  expect(
    `${outage}-opens`,
    `open after ${threshold} failures in a row, not before`,
    equals(threshold, calls),
  );
  const openedMs = (clock.nowUs() - struckUs) / 1_000;

  const startedAt = performance.now();
  const answer = await cache.getOrCompute(`${key}:computed`, () => 'computed');
  remember(cache.physicalKey(`${key}:computed`));
  expect(`${outage}-answers-open`, 'while open getOrCompute still answers', equals('computed', answer));
  expect(`${outage}-fast-open`, 'at once, without asking Redis', {
    relation: 'at-most',
    expected: openCallBoundMs,
    actual: Math.round(performance.now() - startedAt),
    unit: 'ms',
  });

  await proxy.reset();
  const healedUs = clock.nowUs();
  const closed = await until(
    'the breaker to close',
    async () => {
      await cache.get(key);
      return cache.stats().breaker.kind === 'closed';
    },
    { boundMs: recoveryBoundMs, signal },
  ).catch(() => false);
  const closedMs = (clock.nowUs() - healedUs) / 1_000;
  const data = { outage, openedMs, closedMs };
  record({
    type: 'observe',
    from: 'workload',
    name: 'breaker-times',
    client: 'kit',
    atUs: clock.nowUs(),
    data,
  });
  expect(`${outage}-closes`, 'closed again without a restart', equals(true, closed));
  expect(`${outage}-first`, 'it opened first', equals('closed to open', transitions[0]));
  expect(
    `${outage}-half-open`,
    'a probe half-opened it',
    equals(true, transitions.includes('open to half-open')),
  );
  expect(
    `${outage}-last`,
    'and a call that succeeded closed it',
    equals('half-open to closed', transitions.at(-1)),
  );
  const back = await cache.set(key, 'after');
  expect(`${outage}-redis-again`, 'Redis takes writes again', equals('redis', back.source));
}
