/**
 * Backup and restore of the whole environment. A cache writes about 500 entries per second, every other one durable,
 * while a backup reads the replicas. Then the planted keys are changed or deleted, and the archive is restored.
 *
 *   planted keys ─▶ writes begin ─▶ backup ─▶ writes end ─▶ changes ─▶ restore ─▶ comparison, second backup
 *
 * The restore removes all keys of the environment and writes the keys in the archive. Left out: other writers, whose
 * keys would differ from the archive.
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import type { BackupManifest } from '../../../config/backup-manifest.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import {
  defineScript,
  type EnvironmentBackup,
  equals,
  RELAXED_LIMITS,
  type ScriptContext,
} from './script.ts';

const defaults = {
  planted: 200,
  added: 50,
  perSecond: 500,
  /** Number of durable writes that must be acknowledged before the backup begins. */
  durableBefore: 200,
  durableTimeoutMs: 5_000,
  loadBoundMs: 20_000,
};
/** Time between two groups of writes, in ms. */
const GROUP_INTERVAL_MS = 20;
/** Maximum wait, in ms, for leases that an earlier drill left behind: they expire within 2 s. */
const LEASE_BOUND_MS = 3_000;

type Context = ScriptContext<Resolved<typeof defaults>>;

export const backupRestore = defineScript({
  name: 'backup-restore',
  defaults,
  async run(context) {
    const { open, caughtUp, backUp, readAllNodes } = context;
    await awaitNoExpiringKeys(context);
    const cache = open(RELAXED_LIMITS);
    await cache.ping();
    const planted = await plantKeys(context, cache);
    await caughtUp();
    const roles = await rolesOf(context);
    const taken = await backUpUnderWrites(context, cache);
    const added = await changeKeys(context, cache, planted);
    const report = await taken.backup.restore();
    await caughtUp();
    context.expect('restored/keys', 'keys that were compared with the archive after the restore', {
      ...{ relation: 'at-least', expected: planted.values.size + taken.durable.length },
      actual: report.compared,
    });
    context.expect('restored/different', 'keys that differ from the archive', equals(0, report.different));
    context.expect('restored/kept', 'keys that a client wrote during the restore', equals(0, report.kept));
    await expectValues(context, { ...planted, added, durable: taken.durable });
    context.expect('restored/roles', 'roles of the nodes', equals(roles, await rolesOf(context)));
    const second = await backUp();
    context.expect('restored/digest', 'digest of all keys, per master', {
      ...equals(digestsOf(taken.backup.manifest), digestsOf(second.manifest)),
    });
    const names = [...planted.values.keys(), ...taken.durable];
    await readAllNodes(names.map((name) => ({ key: cache.physicalKey(name), encoding: 'envelope' })));
  },
});

interface Planted {
  /** Values of the cache, by name. */
  readonly values: ReadonlyMap<string, string>;
  /** Physical keys of other types, by type. */
  readonly typed: ReadonlyMap<string, string>;
}

const WRITE_TYPED: Readonly<Record<string, (redis: Redis, key: string) => Promise<unknown>>> = {
  hash: (redis, key) => redis.hset(key, 'field', 'value'),
  list: (redis, key) => redis.rpush(key, 'first', 'second'),
  set: (redis, key) => redis.sadd(key, 'member'),
  zset: (redis, key) => redis.zadd(key, 1, 'member'),
  stream: (redis, key) => redis.xadd(key, '1-1', 'field', 'value'),
};

async function plantKeys({ remember, masterOf, tag, parameters }: Context, cache: Cache): Promise<Planted> {
  const values = new Map(
    Array.from({ length: parameters.planted }, (_, n) => [`backup:${tag}:planted:${n}`, `first ${n}`]),
  );
  const typed = new Map(
    Object.keys(WRITE_TYPED).map((type) => [type, cache.physicalKey(`backup:${tag}:${type}`)]),
  );
  remember(...[...values.keys()].map((name) => cache.physicalKey(name)), ...typed.values());
  await cache.setMany(values);
  for (const [type, key] of typed) await WRITE_TYPED[type]?.(await masterOf(key), key);
  return { values, typed };
}

/** Takes the backup while a cache writes. Returns the durable writes that were acknowledged before the backup began. */
async function backUpUnderWrites(
  context: Context,
  cache: Cache,
): Promise<{ readonly backup: EnvironmentBackup; readonly durable: readonly string[] }> {
  const { backUp, clock, expect, parameters, signal } = context;
  const load = startWrites(context, cache);
  const durableUntil = (us: number) =>
    load.acknowledged.filter(({ isDurable, atUs }) => isDurable && atUs < us).map(({ name }) => name);
  let backup: EnvironmentBackup;
  let beganUs: number;
  let endedUs: number;
  try {
    await waitUntil(
      `${parameters.durableBefore} durable writes to be acknowledged`,
      () => durableUntil(clock.nowUs()).length >= parameters.durableBefore,
      { boundMs: parameters.loadBoundMs, signal },
    );
    beganUs = clock.nowUs();
    backup = await backUp();
    endedUs = clock.nowUs();
  } finally {
    await load.stop();
  }
  const { parts } = backup.manifest;
  const during = load.acknowledged.filter(({ atUs }) => atUs >= beganUs && atUs < endedUs).length;
  expect('backup/source', 'roles of the nodes that were read', {
    ...equals(['replica'], [...new Set(parts.map(({ role }) => role))]),
  });
  expect('backup/writes', 'writes that were acknowledged during the backup', {
    ...{ relation: 'above', expected: 0, actual: during },
  });
  expect('backup/digest', 'files of the archive without a digest', {
    ...equals(0, parts.filter(({ contents }) => contents === undefined).length),
  });
  return { backup, durable: durableUntil(beganUs) };
}

interface Acknowledged {
  readonly name: string;
  /** Whether a replica confirmed the write. */
  readonly isDurable: boolean;
  readonly atUs: number;
}

/** Sends writes until stopped. Writes that Redis does not acknowledge are left out. */
function startWrites(
  { clock, remember, tag, parameters }: Context,
  cache: Cache,
): { readonly acknowledged: readonly Acknowledged[]; stop(): Promise<void> } {
  const acknowledged: Acknowledged[] = [];
  const sent: Promise<void>[] = [];
  const durability = { replicas: 1, timeoutMs: parameters.durableTimeoutMs };
  const write = async (n: number) => {
    const name = `backup:${tag}:written:${n}`;
    remember(cache.physicalKey(name));
    const { source, replicas = 0 } = await cache.set(name, name, n % 2 === 1 ? { durability } : {});
    if (source === 'redis') acknowledged.push({ name, isDurable: replicas > 0, atUs: clock.nowUs() });
  };
  const perGroup = Math.ceil((parameters.perSecond * GROUP_INTERVAL_MS) / 1_000);
  const timer = setInterval(() => {
    for (let i = 0; i < perGroup; i++) sent.push(write(sent.length).catch(() => undefined));
  }, GROUP_INTERVAL_MS);
  return {
    acknowledged,
    async stop() {
      clearInterval(timer);
      await Promise.all(sent);
    },
  };
}

/** Overwrites or deletes everything that was planted, and adds keys. Returns the names of the added keys. */
async function changeKeys(
  { expect, open, retire, remember, masterOf, tag, parameters }: Context,
  cache: Cache,
  { values, typed }: Planted,
): Promise<readonly string[]> {
  const names = [...values.keys()];
  const overwritten = names.filter((_, n) => n % 2 === 0);
  await cache.setMany(new Map(overwritten.map((name) => [name, 'changed'])));
  await cache.delete(...names.filter((_, n) => n % 2 === 1));
  for (const key of typed.values()) await (await masterOf(key)).unlink(key);
  const added = Array.from({ length: parameters.added }, (_, n) => `backup:${tag}:added:${n}`);
  remember(...added.map((name) => cache.physicalKey(name)));
  await cache.setMany(new Map(added.map((name) => [name, name])));
  const reader = open(RELAXED_LIMITS);
  const seen = await reader.lookupMany<string>(names);
  const unchanged = names.filter((name) => valueIn(seen.get(name)) === values.get(name)).length;
  expect('changed/all', 'planted values that were not changed before the restore', equals(0, unchanged));
  await retire(reader);
  return added;
}

/** Reads the keys as a user does, through a cache that has seen none of them. */
async function expectValues(
  { expect, open, masterOf }: Context,
  given: Planted & { readonly added: readonly string[]; readonly durable: readonly string[] },
): Promise<void> {
  const { values, typed, added, durable } = given;
  const reader = open(RELAXED_LIMITS);
  const seen = await reader.lookupMany<string>([...values.keys(), ...added, ...durable]);
  const restored = [...values].filter(([name, value]) => valueIn(seen.get(name)) === value).length;
  expect('restored/planted', 'planted values that Redis serves again', equals(values.size, restored));
  const types = await Promise.all([...typed.values()].map(async (key) => (await masterOf(key)).type(key)));
  expect('restored/types', 'types of the other planted keys', equals([...typed.keys()], types));
  const present = added.filter((name) => seen.get(name)?.found !== false).length;
  expect('restored/added', 'keys that were written after the backup and still exist', equals(0, present));
  const missing = durable.filter((name) => valueIn(seen.get(name)) !== name).length;
  expect('restored/durable', 'missing durable writes that were acknowledged before the backup', {
    ...equals(0, missing),
  });
  expect('restored/durable-seen', 'durable writes that were acknowledged before the backup', {
    ...{ relation: 'above', expected: 0, actual: durable.length },
  });
}

type Seen = Awaited<ReturnType<Cache['lookup']>> | undefined;

/** Returns the value that Redis served; undefined for a miss and for a value from another source. */
function valueIn(seen: Seen): unknown {
  return seen?.found === true && seen.source === 'redis' ? seen.value : undefined;
}

/** Returns the digest of each file in the archive, in the order of the slots. */
function digestsOf({ parts }: BackupManifest): readonly (string | null)[] {
  const firstSlot = ({ slots }: BackupManifest['parts'][number]) => slots?.[0]?.[0] ?? 0;
  return [...parts]
    .sort((a, b) => firstSlot(a) - firstSlot(b))
    .map(({ contents }) => contents?.digest ?? null);
}

/** Returns the role of each node. */
async function rolesOf({ environment }: Context): Promise<Readonly<Record<string, string>>> {
  const roles = environment.topology.redis.map(async ({ id }) => {
    const [role] = (await (await environment.admin(id)).call('ROLE')) as readonly [string];
    return [id, role] as const;
  });
  return Object.fromEntries(await Promise.all(roles));
}

/**
 * Waits until no key has an expiry, because a key that expires during the drill would change the digest. The time limit
 * is long enough for the kit's leases; users' keys that expire later are not waited for.
 */
async function awaitNoExpiringKeys({ masters, signal }: Context): Promise<void> {
  const isQuiet = async () => {
    const infos = await Promise.all((await masters()).map((redis) => redis.info('keyspace')));
    return infos.every((info) => !/expires=[1-9]/.test(info));
  };
  const wait = { boundMs: LEASE_BOUND_MS, signal };
  await waitUntil('the leases of earlier drills to expire', isQuiet, wait).catch(() =>
    signal.throwIfAborted(),
  );
}
