/**
 * Writes and deletions while Redis is unreachable, and their effect afterwards: no value from before the outage
 * reappears, and Redis serves all reads again. During the outage, `closing.ts` closes caches with deletions that Redis
 * has not received, and `invalidations.ts` invalidates entries.
 */
import type { Cache, CacheEvent } from '../../../../client/index.ts';
import { waitUntil } from '../../../wait.ts';
import type { Resolved } from '../../parameters.ts';
import { defineScript, equals, errorOf, type ScriptContext } from '../script.ts';
import { expectLost, expectReplayed, openWithValues } from './closing.ts';
import { prepareInvalidations } from './invalidations.ts';

const defaults = { keys: 20, commandTimeoutMs: 500, recoveryBoundMs: 10_000 };

interface Setting {
  readonly context: ScriptContext<Resolved<typeof defaults>>;
  /** Cache that reaches Redis through the proxy. */
  readonly cache: Cache;
  /** Cache that reaches Redis at all times. */
  readonly other: Cache;
  /** Logical keys, by what happens to them during the outage: set, deleted, or changed by `other`. */
  readonly set: readonly string[];
  readonly deleted: readonly string[];
  readonly changed: readonly string[];
}

export const outageWrites = defineScript({
  name: 'outage-writes',
  defaults,
  async run(context) {
    const { open, proxyBeforeMaster, expect, tag, parameters, remember } = context;
    // Runs concurrently with the other checks, because a cache that is being closed waits 5 s for Redis.
    const closing = expectLost(context);
    closing.catch(() => undefined);
    const proxy = await proxyBeforeMaster();
    const cache = open({ commandTimeoutMs: parameters.commandTimeoutMs }, proxy);
    const namesOf = (what: string) =>
      Array.from({ length: parameters.keys }, (_, n) => `outage:${tag}:${what}:${n}`);
    const setting: Setting = {
      ...{ context, cache, other: open() },
      ...{ set: namesOf('set'), deleted: namesOf('deleted'), changed: namesOf('changed') },
    };
    const all = [...setting.set, ...setting.deleted, ...setting.changed];
    remember(...all.map((name) => cache.physicalKey(name)));
    await cache.ping();
    await cache.setMany(valuesOf(all, 'old'));
    const held = await holdersOf(setting, all, 'old');
    expect('outage/before', 'Redis has all values before the outage', equals(all.length, held));
    const closed = await openWithValues(context, proxy, 'replayed');
    const invalidate = await prepareInvalidations(context, proxy);
    await proxy.down();
    const invalidated = invalidate();
    await expectDuring(setting);
    await invalidated.isPending;
    await expectReplayed(context, closed, proxy);
    await expectAfter(setting, all);
    await invalidated.expectReplayed();
    await closing;
  },
});

async function expectDuring({ context, cache, other, set, deleted, changed }: Setting): Promise<void> {
  const { expect, parameters, tag, remember } = context;
  const fallbacks: string[] = [];
  const unfollow = cache.on((event: CacheEvent) => {
    if (event.type === 'fallback') fallbacks.push(event.operation);
  });
  const hitsBefore = cache.stats().fallbackHits;
  const sources = await Promise.all(set.map(async (name) => (await cache.set(name, 'new')).source));
  expect('outage/set-to-memory', 'writes during the outage report the memory fallback', {
    ...equals(set.length, sources.filter((source) => source === 'memory').length),
  });
  await cache.delete(deleted);
  const during = [...(await cache.lookupMany<string>([...set, ...deleted])).values()];
  unfollow();
  expect('outage/fallback-hits', 'hits during the outage that the statistics count as served from memory', {
    ...equals(set.length, cache.stats().fallbackHits - hitsBefore),
  });
  const eventsOf = (operation: string) => fallbacks.filter((each) => each === operation).length;
  expect('outage/fallback-events', 'events of the fallback during the outage: writes, deletions', {
    ...equals([set.length, 1], [eventsOf('set'), eventsOf('delete')]),
  });
  const own = during.filter((found) => found.found && found.value === 'new').length;
  expect('outage/read-own-writes', 'reads during the outage: new values, any values', {
    ...equals([set.length, set.length], [own, during.filter(({ found }) => found).length]),
  });
  const key = `outage:${tag}:refused`;
  remember(cache.physicalKey(key));
  const durability = { replicas: 1, timeoutMs: parameters.commandTimeoutMs };
  expect('outage/durable-throws', 'a durable write is not acknowledged', {
    ...equals(true, (await errorOf(() => cache.set(key, 'durable', { durability }))) !== null),
  });
  expect('outage/set-if-absent-throws', 'setIfAbsent is not answered from memory', {
    ...equals(true, (await errorOf(() => cache.setIfAbsent(key, 'absent'))) !== null),
  });
  await other.setMany(valuesOf(changed, 'by another'));
}

async function expectAfter(setting: Setting, all: readonly string[]): Promise<void> {
  const { context, cache, set, deleted, changed } = setting;
  const { expect, parameters, masterOf, signal } = context;
  let old = 0;
  // In a cluster, each shard recovers independently.
  const isBack = async () => {
    const reads = [...(await cache.lookupMany<string>(all)).values()];
    old += reads.filter((read) => read.found && read.value === 'old' && read.source === 'redis').length;
    return reads.every(({ source }) => source === 'redis');
  };
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  const back = await waitUntil('Redis to serve all reads again', isBack, wait).catch(() => false);
  expect('outage/read-from-redis', 'Redis serves all reads again without a restart', equals(true, back));
  const receipt = await cache.set(set[0] ?? '', 'after');
  expect('outage/recovered', 'writes go to Redis again', equals('redis', receipt.source));
  expect(
    'outage/no-old-value',
    'reads by Redis that returned a value from before the outage',
    equals(0, old),
  );
  let left = 0;
  for (const name of [...set.slice(1), ...deleted]) {
    const physical = cache.physicalKey(name);
    left += await (await masterOf(physical)).exists(physical);
  }
  expect(
    'outage/replaced-in-redis',
    'keys that were set or deleted during the outage and are still in Redis',
    {
      ...equals(0, left),
    },
  );
  expect('outage/others-kept', 'values that another client wrote during the outage', {
    ...equals(changed.length, await holdersOf(setting, changed, 'by another')),
  });
}

function valuesOf(names: readonly string[], value: string): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name, value]));
}

/** Returns the number of keys that have the value in Redis. */
async function holdersOf({ other }: Setting, names: readonly string[], value: string): Promise<number> {
  const read = await other.getMany<string>(names);
  return names.filter((name) => read.get(name) === value).length;
}
