/**
 * Compares statistics and metrics with the recorded history of the same operations: each counter equals the observed
 * number. At the end, Redis is cut off and calls continue without a fallback or a breaker, so that there are errors to
 * count: a comparison of 0 with 0 would prove nothing.
 */
import type { Cache } from '../../../client/index.ts';
import type { CompletionEvent, HistoryEvent, InvokeEvent } from '../../history/events.ts';
import { waitUntil } from '../../wait.ts';
import { Issuer, type PlannedOperation } from '../issuer.ts';
import { adaptCache } from '../kit.ts';
import { latenessMeter } from '../lateness.ts';
import { metricValue } from '../metric-value.ts';
import type { Resolved } from '../parameters.ts';
import type { ScriptContext } from './script.ts';
import { defineScript, equals, RELAXED_LIMITS } from './script.ts';

const defaults = {
  ...{ sets: 20, reads: 60, computes: 15, deletes: 5, refused: 2 },
  ...{ localHits: 4, localBoundMs: 5_000 },
};

type Context = ScriptContext<Resolved<typeof defaults>>;

export const observability = defineScript({
  name: 'observability',
  defaults,
  async run(context) {
    const { open, expect, proxyBeforeMaster, parameters, spec } = context;
    const proxy = await proxyBeforeMaster();
    const breaker = { ...spec.settings.breaker, enabled: false };
    const cache = open({ fallbackEntries: 0, breaker }, proxy);
    await cache.ping();
    const events = await exerciseCalls(context, cache, async ({ writes }) => {
      await awaitStores(context, cache, writes);
      await proxy.down();
    });

    const seen = countOutcomes(events);
    expect('errors-provoked', 'reads fail while Redis is cut off', {
      ...equals(parameters.refused, seen.errors),
    });
    const stats = cache.stats();
    expect('hits', 'the statistics count the hits of the history', equals(seen.hits, stats.hits));
    expect('misses', 'the statistics count the misses of the history', equals(seen.misses, stats.misses));
    expect('loads', 'the statistics count the loads of the history', equals(seen.loads, stats.loads));
    expect('writes', 'the statistics count the writes of the history', equals(seen.writes, stats.writes));
    expect('deletes', 'the statistics count the deleted keys', equals(parameters.deletes, stats.deletes));
    expect('errors', 'the statistics count the errors of the history', equals(seen.errors, stats.errors));
    expect(
      'ratio',
      'the hit ratio is hits divided by reads',
      equals(seen.hits / (seen.hits + seen.misses), stats.hitRatio),
    );

    const text = cache.metrics();
    for (const [metric, count] of [
      ['cache_redis_hits_total', stats.hits],
      ['cache_redis_misses_total', stats.misses],
      ['cache_redis_errors_total', stats.errors],
      ['cache_redis_writes_total', stats.writes],
      ['cache_redis_deletes_total', stats.deletes],
      ['cache_redis_loads_total', stats.loads],
    ] as const) {
      expect(
        metric,
        `${metric} equals the value in the statistics`,
        equals(count, metricValue(text, metric)),
      );
    }
    if (!context.shared) await expectLocalHits(context);
  },
});

/** Compares the hits that a first tier counts with the sources that the reads report. */
async function expectLocalHits({ open, expect, remember, tag, awaitCondition, parameters }: Context) {
  const cache = open({ ...RELAXED_LIMITS, l1: {} });
  const key = `observability:${tag}:local`;
  remember(cache.physicalKey(key));
  await cache.set(key, 'value');
  let local = 0;
  const isServed = async () => {
    const many = await cache.lookupMany([key]);
    const found = [await cache.lookup(key), ...many.values()];
    local += found.filter(({ source }) => source === 'l1').length;
    return local >= parameters.localHits;
  };
  await awaitCondition('hits of the first tier', isServed, parameters.localBoundMs);
  expect('local-hits-provoked', 'reads that the first tier serves', {
    ...{ relation: 'at-least', expected: parameters.localHits, actual: local },
  });
  const metric = metricValue(cache.metrics(), 'cache_redis_local_hits_total');
  expect('local-hits', 'hits of the first tier: in the statistics, and in the metrics', {
    ...equals([local, local], [cache.stats().localHits, metric]),
  });
}

/**
 * Waits until loaded values are stored, which happens in the background: if the connection were lost before that, an
 * error that the history does not contain would be counted.
 */
async function awaitStores({ signal }: Context, cache: Cache, writes: number): Promise<void> {
  const areStored = () => cache.stats().writes >= writes;
  await waitUntil('the loaded values to be stored', areStored, { boundMs: 5_000, signal }).catch(() =>
    signal.throwIfAborted(),
  );
}

/**
 * Runs a seeded mix of calls one after the other and deletes some keys, then reads while Redis is cut off, and returns
 * the recorded history.
 */
async function exerciseCalls(
  { record, clock, random, tag, remember, parameters }: Context,
  cache: Cache,
  cutOff: (seen: { readonly writes: number }) => Promise<unknown>,
): Promise<readonly HistoryEvent[]> {
  const { sets, reads, computes, deletes, refused } = parameters;
  const events: HistoryEvent[] = [];
  const keepEvent = (event: HistoryEvent) => {
    events.push(event);
    record(event);
  };
  const adapter = adaptCache(cache, () => undefined);
  const lateness = latenessMeter('kit', clock, () => undefined);
  const issuer = new Issuer({ adapter, clock, record: keepEvent, lateness, inFlightBound: 1 });
  const keyOf = (n: number) => `observability:${tag}:${n}`;
  const runOperation = (operation: PlannedOperation) => issuer.issue(clock.nowUs(), operation);
  try {
    for (let n = 0; n < sets; n++) {
      const value = `v${n}`;
      await runOperation({
        kind: 'set',
        key: keyOf(n),
        value,
        send: () => adapter.set(keyOf(n), value, 'async'),
      });
    }
    for (let i = 0; i < reads; i++) {
      // Half of the requested keys were set.
      const n = random.int(2 * sets);
      await runOperation({ kind: 'get', key: keyOf(n), send: () => adapter.get(keyOf(n)) });
    }
    for (let i = 0; i < computes; i++) {
      const n = random.int(3 * sets);
      const value = `v${n}`;
      const send = () => adapter.getOrCompute(keyOf(n), async () => value);
      await runOperation({ kind: 'getOrCompute', key: keyOf(n), value, send });
    }
    // All of these keys have a value, except the last one.
    await cache.delete([...Array.from({ length: deletes }, (_, n) => keyOf(n)), `${keyOf(0)}:absent`]);
    await cutOff(countOutcomes(events));
    for (let n = 0; n < refused; n++) {
      await runOperation({ kind: 'get', key: keyOf(n), send: () => adapter.get(keyOf(n)) });
    }
  } finally {
    lateness.close();
    remember(...issuer.written.keys());
  }
  return events;
}

function countOutcomes(events: readonly HistoryEvent[]) {
  const invokes = new Map(
    events.filter((event): event is InvokeEvent => event.type === 'invoke').map((event) => [event.op, event]),
  );
  const counts = { hits: 0, misses: 0, loads: 0, writes: 0, errors: 0 };
  const completions = events.filter((event): event is CompletionEvent =>
    ['ok', 'fail', 'info'].includes(event.type),
  );
  for (const { op, type, value, source } of completions) {
    const kind = invokes.get(op)?.kind;
    if (type !== 'ok') counts.errors++;
    else if (kind === 'set') counts.writes++;
    else if (kind === 'get') counts[value === null ? 'misses' : 'hits']++;
    else if (kind === 'getOrCompute') {
      counts[source === 'loader' ? 'misses' : 'hits']++;
      // Every loaded value is stored.
      if (source === 'loader') {
        counts.loads++;
        counts.writes++;
      }
    }
  }
  return counts;
}
