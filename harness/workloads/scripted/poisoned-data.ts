/**
 * A cache full of poisoned entries among good ones: payloads with every kind of corruption, at fixed and at random
 * positions, payloads of older schemas, and keys of another Redis type. Every read path is tested on a fresh set of
 * entries, by several callers at the same time. `corrupt-payload` reads one key after the other.
 */
import { encodeEnvelope } from '../../../client/envelope.ts';
import type { Cache } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { GOOD_USER, POISONS, RANDOM_POISONS, SCHEMA_ID, type User, userSchema } from '../poisons.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  /** Number of entries of each random kind. */
  ofRandomKind: 10,
  good: 20,
  /** Number of concurrent callers per read path. */
  callers: 3,
  purgeBoundMs: 5_000,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Values by key; undefined on a miss. */
type Answers = ReadonlyMap<string, User | undefined>;

interface Way {
  readonly read: (cache: Cache, keys: readonly string[]) => Promise<Answers>;
  /** Set if the loader's value replaces poisoned entries. */
  readonly loads?: true;
  /** Set if the cache has a first tier in this process. */
  readonly tiered?: true;
}

const READING = { schema: userSchema, schemaId: SCHEMA_ID };
const LOADED: User = { id: 2, name: 'loaded' };

async function oneByOne(
  keys: readonly string[],
  read: (key: string) => Promise<User | undefined>,
): Promise<Answers> {
  return new Map(await Promise.all(keys.map(async (key) => [key, await read(key)] as const)));
}

const single: Way['read'] = (cache, keys) => oneByOne(keys, (key) => cache.get(key, READING));
const load: Way['read'] = (cache, keys) =>
  oneByOne(keys, (key) => cache.getOrCompute<User>(key, () => LOADED, READING));

/** Read paths, by the prefix of their expectations. */
const WAYS: Readonly<Record<string, Way>> = {
  get: { read: single },
  'tiered-get': { read: single, tiered: true },
  lookup: {
    read: (cache, keys) =>
      oneByOne(keys, async (key) => {
        const found = await cache.lookup(key, READING);
        return found.found ? found.value : undefined;
      }),
  },
  'get-with-ttl': {
    read: (cache, keys) => oneByOne(keys, async (key) => (await cache.getWithTtl(key, READING))?.value),
  },
  'get-many': { read: (cache, keys) => cache.getMany(keys, READING) },
  'tiered-get-many': { read: (cache, keys) => cache.getMany(keys, READING), tiered: true },
  'lookup-many': {
    async read(cache, keys) {
      const found = [...(await cache.lookupMany(keys, READING))];
      return new Map(found.map(([key, each]) => [key, each.found ? each.value : undefined]));
    },
  },
  compute: { read: load, loads: true },
  'tiered-compute': { read: load, loads: true, tiered: true },
  'compute-many': {
    read: (cache, keys) =>
      cache.getOrComputeMany<User>(keys, (some) => new Map(some.map((key) => [key, LOADED])), READING),
    loads: true,
  },
};

export const poisonedData = defineScript({
  name: 'poisoned-data',
  defaults,
  async run(context) {
    const { open, expect } = context;
    const plain = open(RELAXED_LIMITS);
    const tiered = open({ ...RELAXED_LIMITS, l1: {} });
    await Promise.all([plain.ping(), tiered.ping()]);
    let planted = 0;
    for (const [name, way] of Object.entries(WAYS)) {
      planted += await readPoisoned(context, name, way, way.tiered ? tiered : plain);
    }
    expect('all/counted', 'every poisoned entry is counted as purged', {
      relation: 'at-least',
      expected: planted,
      actual: plain.stats().purged + tiered.stats().purged,
    });
  },
});

interface Planted {
  readonly key: string;
  /** Kind of corruption; absent for a good entry. */
  readonly poison?: string;
}

/**
 * Reads good and poisoned entries through one read path, checks the answers, and returns the number of poisoned
 * entries.
 */
async function readPoisoned(context: Context, name: string, way: Way, cache: Cache): Promise<number> {
  const { expect, parameters, signal } = context;
  const entries = await plant(context, name, cache);
  const bad = entries.filter(({ poison }) => poison !== undefined);
  const keys = entries.map(({ key }) => key);
  const results = await Promise.allSettled(
    Array.from({ length: parameters.callers }, () => way.read(cache, keys)),
  );
  const thrown = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  expect(`${name}/not-thrown`, 'errors of reads', equals([], thrown.slice(0, 3)));
  const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const right = way.loads ? LOADED : undefined;
  const wrong = answers.flatMap((each) => bad.filter(({ key }) => !isSame(each.get(key), right)));
  expect(
    `${name}/not-wrong`,
    `poisoned entries that were not answered by ${way.loads ? 'the loader' : 'a miss'}`,
    {
      ...equals([], [...new Set(wrong.map(({ poison = '' }) => poison))]),
    },
  );
  const missed = answers.flatMap((each) =>
    entries.filter(({ key, poison }) => poison === undefined && !isSame(each.get(key), GOOD_USER)),
  );
  expect(`${name}/good-kept`, 'good entries that were not returned', equals(0, missed.length));
  let left: readonly string[] = [];
  // A key of another type does not hold a cache payload: a read leaves it in place, a load replaces it.
  const purgeable = bad.filter(({ poison }) => way.loads || poison !== 'wrong-type');
  const isPurged = async () => {
    left = await poisonedLeft(context, cache, purgeable);
    return left.length === 0;
  };
  const wait = { boundMs: parameters.purgeBoundMs, signal };
  await waitUntil('all poisoned entries to be purged', isPurged, wait).catch(() => signal.throwIfAborted());
  expect(`${name}/purged`, 'kinds of poisoned entries that are still in Redis', equals([], left));
  return purgeable.length;
}

/** Writes good and poisoned entries, without the client. */
async function plant(context: Context, way: string, cache: Cache): Promise<readonly Planted[]> {
  const { tag, random, parameters, remember, masterOf } = context;
  const good = encodeEnvelope(GOOD_USER, { schemaId: SCHEMA_ID });
  const payloads: (readonly [poison: string | undefined, payload: Buffer])[] = [
    ...Array.from({ length: parameters.good }, () => [undefined, good] as const),
    ...Object.entries(POISONS).map(([poison, spoil]) => [poison, spoil(good)] as const),
    ...Object.entries(RANDOM_POISONS).flatMap(([poison, spoil]) =>
      Array.from({ length: parameters.ofRandomKind }, () => [poison, spoil(good, random)] as const),
    ),
  ];
  const entries: Planted[] = [];
  for (const [n, [poison, payload]] of payloads.entries()) {
    const key = `poisoned:${tag}:${way}:${n}`;
    const physical = cache.physicalKey(key);
    remember(physical);
    await (await masterOf(physical)).set(physical, payload, 'EX', 120);
    entries.push({ key, ...(poison !== undefined && { poison }) });
  }
  const key = `poisoned:${tag}:${way}:hash`;
  const physical = cache.physicalKey(key);
  remember(physical);
  await (await masterOf(physical)).hset(physical, 'name', 'Ada');
  return [...entries, { key, poison: 'wrong-type' }];
}

/**
 * Returns the kinds whose entries are still in Redis as planted: neither removed nor replaced by the value of the
 * loader.
 */
async function poisonedLeft(
  { masterOf }: Context,
  cache: Cache,
  bad: readonly Planted[],
): Promise<readonly string[]> {
  const left = new Set<string>();
  const replaced = encodeEnvelope(LOADED, { schemaId: SCHEMA_ID });
  for (const { key, poison = '' } of bad) {
    const physical = cache.physicalKey(key);
    const redis = await masterOf(physical);
    const type = await redis.type(physical);
    if (type === 'none') continue;
    const held = type === 'string' ? await redis.getBuffer(physical) : null;
    // The payload written by the loader ends like the expected one; the times in its header differ.
    const isReplaced = held?.subarray(-LOADED_BYTES).equals(replaced.subarray(-LOADED_BYTES)) === true;
    if (!isReplaced) left.add(poison);
  }
  return [...left];
}

const LOADED_BYTES = JSON.stringify(LOADED).length;

function isSame(a: User | undefined, b: User | undefined): boolean {
  return a?.id === b?.id && a?.name === b?.name;
}
