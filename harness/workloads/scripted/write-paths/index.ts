/**
 * Every write and delete path, read back directly from the masters: the value and remaining TTL of each key, and the
 * absence of deleted keys. All keys are in the trial's own namespace, so that a scan also finds the keys that the
 * client itself adds (tags, leases, wake-ups).
 */
import { decodeEnvelope } from '../../../../client/envelope.ts';
import type { Cache } from '../../../../client/index.ts';
import { valueText } from '../../calls/value-text.ts';
import type { Resolved } from '../../parameters.ts';
import { prefixOf, type RawKey, rawKeys } from '../../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from '../script.ts';
import { expectDeletions } from './deletions.ts';
import { PATHS, type WritePath, type Written } from './paths.ts';
import { expectValues } from './values.ts';

/** Maximum TTL of any key, in ms: tag versions are kept for 30 days. */
const LONGEST_TTL_MS = 30 * 86_400_000;
/**
 * Maximum time, in ms, between a write and the read of its TTL: reads follow the writes within seconds, also on a busy
 * machine. At most half of a TTL may be missing.
 */
const MAX_DELAY_MS = 12_000;

const defaults = { batch: 100, ttlSeconds: 120, storedBoundMs: 5_000 };

export const writePaths = defineScript({
  name: 'write-paths',
  defaults,
  async run(context) {
    const { open, expect, remember, tag, spec, parameters } = context;
    const namespace = `${spec.settings.namespace}:paths-${tag}`;
    const cache = open({ ...RELAXED_LIMITS, namespace, domains: { prices: ['price:*'] } });
    const prefix = prefixOf(cache);
    await cache.ping();
    try {
      for (const [id, path] of Object.entries(PATHS)) {
        const written = await path.write({ ...context, cache, id, ...parameters });
        await expectStored(context, id, path, { written, prefix });
      }
      await expectValues(context, cache, namespace);
      await expectReportedTtls(context, cache);
      await expectExpiries(context, prefix);
      await expectDeletions(context, { cache, namespace, ...parameters });
    } finally {
      remember(...(await rawKeys(context, prefix)).keys());
    }
    const stray = [...(await rawKeys(context, prefix)).values()].filter(({ ttlMs }) => ttlMs < 0);
    expect('ttl/none-without-at-end', 'after all deletions no key of the namespace lacks an expiry', {
      ...equals([], namesOf(stray)),
    });
  },
});

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Waits until all loaded values have been stored in the background, or until the time limit is reached. */
async function expectStored(
  context: Context,
  id: string,
  path: WritePath,
  { written, prefix }: { readonly written: readonly Written[]; readonly prefix: string },
): Promise<void> {
  const { expect, awaitCondition, parameters } = context;
  const isRight = ({ key, value }: Written, found: RawKey | undefined) =>
    found !== undefined && key === found.key && (value === undefined || textOf(found) === valueText(value));
  let found: ReadonlyMap<string, RawKey> = new Map();
  const isComplete = async () => {
    found = await rawKeys(context, prefix);
    return written.every((one) => isRight(one, found.get(one.key)));
  };
  await awaitCondition(`the values of ${id} in Redis`, isComplete, parameters.storedBoundMs);
  const right = written.filter((one) => isRight(one, found.get(one.key)));
  expect(
    `value/${id}`,
    `the master has every value that ${path.what} wrote`,
    equals(written.length, right.length),
  );
  expect(
    `ttl/${id}`,
    `on the master every key that ${path.what} wrote has the TTL of its call or the default`,
    equals([], wrongTtls(written, found, prefix)),
  );
}

/** Returns a text for each of the first keys with a wrong TTL. */
function wrongTtls(
  written: readonly Written[],
  found: ReadonlyMap<string, RawKey>,
  prefix: string,
): readonly string[] {
  const msOf = ({ key }: Written) => found.get(key)?.ttlMs ?? -2;
  const wrong = written.filter((one) => {
    const { ttlSeconds, extraSeconds = 0, jitter = 0 } = one;
    const least = ttlSeconds * 1_000 * (1 - jitter) - Math.min(MAX_DELAY_MS, ttlSeconds * 500);
    return msOf(one) < least || msOf(one) > (ttlSeconds + extraSeconds) * 1_000;
  });
  // With a jitter of 0.5, all of 20 random TTLs are in the upper fifth of their range once in 10^14 runs.
  const isFull = (one: Written) => msOf(one) > one.ttlSeconds * 1_000 * (1 - (one.jitter ?? 0) / 5);
  const withJitter = written.filter(({ jitter = 0 }) => jitter > 0);
  return [
    ...wrong
      .slice(0, 3)
      .map(
        (one) =>
          `${one.key.slice(prefix.length)}: ${found.has(one.key) ? msOf(one) : 'absent'} ms of ${one.ttlSeconds} s`,
      ),
    ...(withJitter.length > 0 && withJitter.every(isFull) ? ['no TTL has a jitter'] : []),
  ];
}

/** Compares the TTLs that the cache reports with the TTL in Redis, which is read between them. */
async function expectReportedTtls({ expect, masterOf, parameters }: Context, cache: Cache): Promise<void> {
  const name = 'user:reported';
  await cache.set(name, 'value', { ttlSeconds: parameters.ttlSeconds });
  const before = (await cache.getWithTtl(name))?.ttlSeconds ?? -1;
  const key = cache.physicalKey(name);
  const inRedis = (await (await masterOf(key)).pttl(key)) / 1_000;
  const after = (await cache.ttl(name)) ?? -1;
  // The reported seconds may be rounded.
  const isBetween = after - 1 <= inRedis && inRedis <= before + 1 && before <= parameters.ttlSeconds;
  expect('ttl/reported', 'getWithTtl and ttl report the TTL in Redis', {
    ...equals(true, isBetween || `getWithTtl ${before} s, Redis ${inRedis} s, ttl ${after} s`),
  });
  await cache.set(name, 'value', { ttlSeconds: null });
  const none = [(await cache.getWithTtl(name))?.ttlSeconds, await cache.ttl(name)];
  expect('ttl/reported-none', 'getWithTtl and ttl report that there is no expiry', {
    ...equals(
      [null, null],
      none.map((seconds) => (seconds === undefined ? 'absent' : seconds)),
    ),
  });
  await cache.delete(name);
}

/** Checks the expiries of every key in the namespace, including keys that the caller did not name. */
async function expectExpiries(context: Context, prefix: string): Promise<void> {
  const found = [...(await rawKeys(context, prefix)).values()];
  const without = found.filter(({ ttlMs }) => ttlMs < 0);
  context.expect('ttl/none-without', 'no key of the namespace lacks an expiry', equals([], namesOf(without)));
  const long = found.filter(({ ttlMs }) => ttlMs > LONGEST_TTL_MS);
  context.expect('ttl/none-beyond', 'no key of the namespace is kept longer than the version of a tag', {
    ...equals([], namesOf(long)),
  });
}

function namesOf(keys: readonly RawKey[]): readonly string[] {
  return keys.slice(0, 3).map(({ key }) => key);
}

function textOf({ bytes }: RawKey): string {
  const decoded = decodeEnvelope(bytes);
  return decoded.ok ? valueText(decoded.value) : `undecodable: ${decoded.reason}`;
}
