/**
 * The memory of every master is full while writes continue (the fault `fill-memory`): Redis evicts keys, including keys
 * of the cache, or refuses writes, depending on `maxmemory-policy`. Meanwhile two clients use the cache: loads, writes,
 * reads, tags and leases. An evicted entry is a miss. No wrong or old value is returned, and the replicas hold the same
 * data as their master.
 */
import type { Cache } from '../../../client/index.ts';
import { parseInfo } from '../../../infra/redis/info.ts';
import { pause, waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, errorOf, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  keys: 100,
  valueBytes: 2_000,
  loadMs: 100,
  /** Maximum duration, in ms, of a load whose lease is evicted: it allows for another lease of 2 s and another load. */
  leaseBoundMs: 10_000,
  recoveryBoundMs: 10_000,
};

interface Setting {
  readonly context: ScriptContext<Resolved<typeof defaults>>;
  readonly cache: Cache;
  readonly other: Cache;
  readonly evicts: boolean;
  readonly nameOf: (name: string) => string;
  readonly namesOf: (what: string) => readonly string[];
  /** Tags of the entries that are invalidated (`changed`) and of the entries that are not (`kept`). */
  readonly tags: { readonly changed: string; readonly kept: string };
}

export const memoryFull = defineScript({
  name: 'memory-full',
  defaults,
  async run(context) {
    const { open, environment, tag, spec, parameters, remember } = context;
    const limits = { ...RELAXED_LIMITS, namespace: `${spec.settings.namespace}:memory-${tag}` };
    const cache = open(limits);
    const nameOf = (name: string) => {
      remember(cache.physicalKey(name));
      return name;
    };
    const setting: Setting = {
      ...{ context, cache, other: open(limits), nameOf },
      evicts: environment.topology.environment.redis.maxmemoryPolicy !== 'noeviction',
      namesOf: (what) => Array.from({ length: parameters.keys }, (_, n) => nameOf(`${what}:${n}`)),
      tags: { changed: `${tag}-changed`, kept: `${tag}-kept` },
    };
    try {
      await expectSafe(setting);
    } finally {
      // Versions of tags, which Redis evicts only sometimes. After an interrupt, the masters cannot be read.
      remember(...(await rawKeys(context, prefixOf(cache)).catch(() => new Map())).keys());
    }
  },
});

async function expectSafe(setting: Setting): Promise<void> {
  const { context, cache, other, tags } = setting;
  const { inject, environment, expect } = context;
  const { redis, topology } = environment.topology.environment;
  await Promise.all([cache.ping(), other.ping()]);
  for (const name of setting.namesOf('changed')) await cache.set(name, 'old', { tags: [tags.changed] });
  for (const name of setting.namesOf('kept')) await cache.set(name, name, { tags: [tags.kept] });
  const before = await stateOf(context);
  const heal = await inject('fill-memory');
  await expectPolicy(setting, redis.maxmemoryPolicy, before);
  await expectServed(setting);
  await expectInvalidated(setting);
  await expectLeases(setting);
  await heal();
  const { limits } = await stateOf(context);
  expect('healed/limit', 'maxmemory of the masters', equals(before.limits, limits));
  await expectRecovered(setting);
  if (topology.kind === 'sentinel') await expectReplicas(setting, before);
}

interface State {
  readonly limits: readonly string[];
  readonly evicted: number;
  readonly fullSyncs: number;
  readonly replicas: number;
}

/** Returns sums over all masters. */
async function stateOf({ masters }: Setting['context']): Promise<State> {
  const infos = await Promise.all((await masters()).map(async (redis) => parseInfo(await redis.info())));
  const sum = (field: string) => infos.reduce((total, info) => total + Number(info[field] ?? 0), 0);
  return {
    limits: infos.map(({ maxmemory = '' }) => maxmemory),
    evicted: sum('evicted_keys'),
    fullSyncs: sum('sync_full'),
    replicas: sum('connected_slaves'),
  };
}

async function expectPolicy({ context, evicts }: Setting, policy: string, before: State): Promise<void> {
  const { expect, masters, signal } = context;
  const configured = await Promise.all(
    (await masters()).map(async (redis) => ((await redis.config('GET', 'maxmemory-policy')) as string[])[1]),
  );
  expect(
    'full/policy',
    'maxmemory-policy of the masters',
    equals([policy], [...new Set(configured)] as string[]),
  );
  // The fault continues: more keys are evicted, or none are.
  const first = (await stateOf(context)).evicted;
  const isMore = async () => (await stateOf(context)).evicted > Math.max(first, before.evicted);
  const more =
    evicts && (await waitUntil('keys to be evicted', isMore, { boundMs: 5_000, signal }).catch(() => false));
  expect('full/evictions', 'keys are evicted', equals(evicts, more || first > before.evicted));
}

interface Result {
  readonly name: string;
  readonly value?: unknown;
  readonly error: string | null;
  readonly tookMs: number;
}

async function resultOf(name: string, call: () => Promise<unknown>): Promise<Result> {
  const startedAt = performance.now();
  let value: unknown;
  const error = await errorOf(async () => {
    value = await call();
  });
  return { name, value, error, tookMs: performance.now() - startedAt };
}

/** Loads, writes and reads while the memory is full. */
async function expectServed({ context, cache, evicts, namesOf }: Setting): Promise<void> {
  const { expect, parameters } = context;
  const loads = await Promise.all(
    namesOf('load').map((name) => resultOf(name, () => cache.getOrCompute(name, () => name))),
  );
  const failed = loads.filter(({ name, value }) => value !== name);
  expect('full/loads', 'loads that threw or returned another value', equals(0, failed.length));
  const padded = (name: string) => name.padEnd(parameters.valueBytes, '.');
  const writes = await Promise.all(
    namesOf('write').map((name) => resultOf(name, async () => (await cache.set(name, padded(name))).source)),
  );
  const outcomes = new Set(writes.map(({ value, error }) => error ?? String(value)));
  const isExpected = (outcome: string) =>
    evicts ? outcome === 'redis' : ['OOM', 'memory'].includes(outcome);
  expect('full/writes', `results of writes other than ${evicts ? 'redis' : 'a refusal'}`, {
    ...equals(
      [],
      [...outcomes].filter((outcome) => !isExpected(outcome)),
    ),
  });
  const reads = await Promise.all(namesOf('write').map((name) => resultOf(name, () => cache.get(name))));
  const wrong = reads.filter(
    ({ name, value, error }) => error !== null || (value !== undefined && value !== padded(name)),
  );
  expect('full/reads', 'reads that threw or returned another value', equals(0, wrong.length));
}

/**
 * Checks that an invalidated entry does not reappear, even though the version of its tag, or the entry itself, may be
 * evicted at any time.
 */
async function expectInvalidated(setting: Setting): Promise<void> {
  const { context, cache, tags, namesOf } = setting;
  const { expect, parameters, signal } = context;
  // Entries written before the fault are evicted first: only entries that still exist prove anything.
  let held = 0;
  const areHeld = async () => {
    await cache.setMany(new Map(namesOf('changed').map((name) => [name, 'old'])), { tags: [tags.changed] });
    held = await oldValues(setting);
    return held > 0;
  };
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  if (setting.evicts) await waitUntil('tagged entries', areHeld, wait).catch(() => signal.throwIfAborted());
  else held = await oldValues(setting);
  expect('tags/held', 'tagged entries that the clients read before the invalidation', {
    relation: 'at-least',
    expected: 1,
    actual: held,
  });
  const error = await errorOf(() => cache.invalidateTags(tags.changed));
  expect('tags/invalidated', 'the invalidation does not throw', equals(null, error));
  expect('tags/old-values', 'invalidated entries that either client still reads', {
    ...equals(0, await oldValues(setting)),
  });
  const kept = await Promise.all(namesOf('kept').map((name) => resultOf(name, () => cache.get(name))));
  const wrong = kept.filter(
    ({ name, value, error: failure }) => failure !== null || (value !== undefined && value !== name),
  );
  expect(
    'tags/others',
    'entries of another tag that threw or returned another value',
    equals(0, wrong.length),
  );
}

async function oldValues({ cache, other, namesOf }: Setting): Promise<number> {
  const names = namesOf('changed');
  const read = [...(await cache.getMany(names)).values(), ...(await other.getMany(names)).values()];
  return read.filter((value) => value === 'old').length;
}

/** Checks leases: an evicted lease may cost a second load, but must not block or throw. */
async function expectLeases({ context, cache, other, namesOf }: Setting): Promise<void> {
  const { expect, parameters, signal } = context;
  const calls = namesOf('lease').flatMap((name) =>
    [cache, other].map((each) =>
      resultOf(name, () =>
        each.getOrCompute(name, async () => {
          await pause(parameters.loadMs, signal);
          return name;
        }),
      ),
    ),
  );
  const results = await Promise.all(calls);
  const failed = results.filter(({ name, value }) => value !== name);
  expect('leases/answers', 'loads of two clients that threw or returned another value', {
    ...equals(0, failed.length),
  });
  expect('leases/within', 'the slowest of the loads of two clients', {
    relation: 'at-most',
    expected: parameters.leaseBoundMs,
    actual: Math.round(Math.max(...results.map(({ tookMs }) => tookMs))),
    unit: 'ms',
  });
}

async function expectRecovered(setting: Setting): Promise<void> {
  const { context, cache, nameOf } = setting;
  const { expect, parameters, signal } = context;
  const name = nameOf('after');
  const isStored = async () => {
    if ((await cache.set(name, name)).source !== 'redis') return false;
    const found = await cache.lookup(name);
    return found.found && found.source === 'redis' && found.value === name;
  };
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  const stored = await waitUntil('Redis to store values again', isStored, wait).catch(() => false);
  expect('healed/stored', 'Redis stores values again, without a restart', equals(true, stored));
  expect('healed/old-values', 'invalidated entries that either client reads after the heal', {
    ...equals(0, await oldValues(setting)),
  });
}

/** Checks that only the master evicts, and that its replicas follow without a full synchronisation. */
async function expectReplicas({ context, cache, namesOf }: Setting, before: State): Promise<void> {
  const { expect, environment, caughtUp } = context;
  const state = await stateOf(context);
  expect('replicas/linked', 'connected replicas', equals(before.replicas, state.replicas));
  expect('replicas/full-syncs', 'full synchronizations since the fault', {
    ...equals(0, state.fullSyncs - before.fullSyncs),
  });
  await caughtUp();
  const masterId = await context.masterId();
  const keys = ['changed', 'kept', 'load', 'write', 'lease'].flatMap((what) =>
    namesOf(what).map((name) => cache.physicalKey(name)),
  );
  const held = await Promise.all(
    environment.topology.redis.map(async ({ id }) => {
      const redis = await environment.admin(id);
      const values = await redis.mgetBuffer(keys);
      const evicted = id === masterId ? 0 : Number(parseInfo(await redis.info('stats')).evicted_keys);
      return { id, evicted, values: values.map((value) => value?.toString('base64') ?? null) };
    }),
  );
  const master = held.find(({ id }) => id === masterId)?.values ?? [];
  const differing = held.flatMap(({ values }) => values.filter((value, i) => value !== master[i]));
  expect('replicas/equal', 'keys on replicas that differ from the master', equals(0, differing.length));
  const evicted = held.reduce((sum, each) => sum + each.evicted, 0);
  expect('replicas/evictions', 'keys that replicas evicted themselves', equals(0, evicted));
}
