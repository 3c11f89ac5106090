/**
 * The circuit breaker through two complete outages: in the first, Redis hangs (a `timeout` toxic); in the second, it is
 * unreachable (the proxy is `down`). The calls are sequential, so the number of failures that opened the breaker is
 * exact.
 */
import type { Cache, CacheEvent } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import { metricValue } from '../metric-value.ts';
import type { Resolved } from '../parameters.ts';
import type { MasterProxy, ScriptContext } from './script.ts';
import { defineScript, equals } from './script.ts';

const OUTAGES: Readonly<Record<string, (proxy: MasterProxy) => Promise<void>>> = {
  hang: (proxy) => proxy.add('hang', { type: 'timeout', attributes: { timeout: 0 } }),
  down: (proxy) => proxy.down(),
};

const defaults = { commandTimeoutMs: 300, recoveryBoundMs: 10_000, maximumCalls: 50 };

type Context = ScriptContext<Resolved<typeof defaults>>;

export const breaker = defineScript({
  name: 'breaker',
  defaults,
  async run(context) {
    const proxy = await context.proxyBeforeMaster();
    for (const [outage, strike] of Object.entries(OUTAGES)) {
      await throughOutage(context, proxy, outage, () => strike(proxy));
    }
  },
});

interface Outage {
  readonly name: string;
  readonly cache: Cache;
  readonly key: string;
}

async function throughOutage(
  context: Context,
  proxy: MasterProxy,
  name: string,
  strike: () => Promise<void>,
): Promise<void> {
  const { open, expect, remember, record, clock, tag, spec, parameters } = context;
  const { breaker } = spec.settings;
  const cache = open(
    { commandTimeoutMs: parameters.commandTimeoutMs, breaker: { ...breaker, enabled: true } },
    proxy,
  );
  const outage: Outage = { name, cache, key: `breaker:${tag}:${name}` };
  remember(cache.physicalKey(outage.key));
  const transitions = watchTransitions(context, cache);
  await cache.ping();
  await cache.set(outage.key, 'kept');
  expect(
    `${name}-closed-before`,
    'the breaker is closed while Redis answers',
    equals('closed', cache.stats().breaker.kind),
  );

  await strike();
  const openedMs = await tripBreaker(context, outage, breaker.threshold);
  await expectAnswersWhileOpen(context, outage);
  await proxy.reset();
  const closedMs = await resetBreaker(context, outage);

  const data = { outage: name, openedMs, closedMs };
  record({
    type: 'observe',
    from: 'workload',
    name: 'breaker-times',
    client: 'kit',
    atUs: clock.nowUs(),
    data,
  });
  const halfOpened = transitions.includes('open to half-open');
  expect(`${name}-first`, 'the first transition opens the breaker', equals('closed to open', transitions[0]));
  expect(`${name}-half-open`, 'a probe half-opens the breaker', equals(true, halfOpened));
  expect(
    `${name}-last`,
    'a successful call closes the breaker',
    equals('half-open to closed', transitions.at(-1)),
  );
  expect(`${name}-counted`, 'transitions of the breaker: in the statistics, and in the metrics', {
    ...equals(
      [transitions.length, transitions.length],
      [
        cache.stats().breakerTransitions,
        metricValue(cache.metrics(), 'cache_redis_breaker_transitions_total'),
      ],
    ),
  });
  const back = await cache.set(outage.key, 'after');
  expect(`${name}-redis-again`, 'Redis accepts writes again', equals('redis', back.source));
}

/** Records the breaker's transitions as they occur, and adds each of them to the history. */
function watchTransitions({ record, clock }: Context, cache: Cache): readonly string[] {
  const transitions: string[] = [];
  cache.on((event: CacheEvent) => {
    if (event.type !== 'breaker') return;
    const { from, to, cause } = event;
    transitions.push(`${from} to ${to}`);
    const data = { from, to, cause };
    record({ type: 'observe', from: 'client', name: 'breaker', client: 'kit', atUs: clock.nowUs(), data });
  });
  return transitions;
}

/** Sends calls until the breaker is open; returns the time taken, in ms. */
async function tripBreaker({ expect, clock, parameters }: Context, outage: Outage, threshold: number) {
  const { cache, name, key } = outage;
  const struckUs = clock.nowUs();
  let calls = 0;
  while (cache.stats().breaker.kind === 'closed' && calls < parameters.maximumCalls) {
    await cache.get(key);
    calls++;
  }
  expect(
    `${name}-opens`,
    `the breaker opens after ${threshold} consecutive failures, not before`,
    equals(threshold, calls),
  );
  return (clock.nowUs() - struckUs) / 1_000;
}

async function expectAnswersWhileOpen(context: Context, { cache, name, key }: Outage): Promise<void> {
  const { expect, remember, parameters } = context;
  remember(cache.physicalKey(`${key}:computed`));
  const startedAt = performance.now();
  const answer = await cache.getOrCompute(`${key}:computed`, () => 'computed');
  expect(
    `${name}-answers-open`,
    'getOrCompute answers while the breaker is open',
    equals('computed', answer),
  );
  expect(`${name}-fast-open`, 'getOrCompute does not wait for Redis while the breaker is open', {
    relation: 'below',
    expected: parameters.commandTimeoutMs,
    actual: Math.round(performance.now() - startedAt),
    unit: 'ms',
  });
}

/** Sends calls until the breaker is closed again; returns the time taken, in ms. */
async function resetBreaker({ expect, clock, parameters, signal }: Context, { cache, name, key }: Outage) {
  const healedUs = clock.nowUs();
  const closed = await waitUntil(
    'the breaker to close',
    async () => {
      await cache.get(key);
      return cache.stats().breaker.kind === 'closed';
    },
    { boundMs: parameters.recoveryBoundMs, signal },
  ).catch(() => false);
  expect(`${name}-closes`, 'the breaker closes again without a restart', equals(true, closed));
  return (clock.nowUs() - healedUs) / 1_000;
}
