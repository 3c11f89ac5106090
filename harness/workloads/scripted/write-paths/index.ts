/**
 * Every write and delete path, read back directly from the masters: the value and remaining TTL of each key, and the
 * absence of deleted keys. All keys are in the trial's own namespace, so that a scan also finds the keys that the
 * client itself adds (tags, leases, wake-ups).
 */
import { decodeEnvelope } from '../../../../client/envelope.ts';
import { waitUntil } from '../../../wait.ts';
import { valueText } from '../../calls/value-text.ts';
import { prefixOf, type RawKey, rawKeys } from '../../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from '../script.ts';
import { expectDeletions } from './deletions.ts';
import { PATHS, type WritePath, type Written } from './paths.ts';
import { expectValues } from './values.ts';

/** Maximum TTL of any key, in ms: tag versions are kept for 30 days. */
const LONGEST_TTL_MS = 30 * 86_400_000;
/**
 * Minimum remaining share of a TTL: reads follow the writes within seconds, and jitter removes at
 * most 0.2.
 */
const LEAST_TTL_SHARE = 0.5;

export const writePaths = defineScript({
  name: 'write-paths',
  defaults: { batch: 100, ttlSeconds: 120, storedBoundMs: 5_000 },
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

type Context = ScriptContext & { readonly parameters: { readonly storedBoundMs: number } };

/** Waits until all loaded values have been stored in the background, or until the time limit is reached. */
async function expectStored(
  context: Context,
  id: string,
  path: WritePath,
  { written, prefix }: { readonly written: readonly Written[]; readonly prefix: string },
): Promise<void> {
  const { expect, signal, parameters } = context;
  const isRight = ({ key, value }: Written, found: RawKey | undefined) =>
    found !== undefined && key === found.key && (value === undefined || textOf(found) === valueText(value));
  let found: ReadonlyMap<string, RawKey> = new Map();
  const isComplete = async () => {
    found = await rawKeys(context, prefix);
    return written.every((one) => isRight(one, found.get(one.key)));
  };
  await waitUntil(`the values of ${id} in Redis`, isComplete, {
    boundMs: parameters.storedBoundMs,
    signal,
  }).catch(() => signal.throwIfAborted());
  const right = written.filter((one) => isRight(one, found.get(one.key)));
  expect(
    `value/${id}`,
    `the master has every value that ${path.what} wrote`,
    equals(written.length, right.length),
  );
  const wrong = written.filter(({ key, ttlSeconds, extraSeconds = 0 }) => {
    const ttlMs = found.get(key)?.ttlMs ?? -2;
    const isShort = ttlMs < ttlSeconds * 1_000 * LEAST_TTL_SHARE;
    return isShort || ttlMs > (ttlSeconds + extraSeconds) * 1_000;
  });
  expect(
    `ttl/${id}`,
    `on the master every key that ${path.what} wrote has the TTL of its call or the default`,
    {
      ...equals(
        [],
        wrong
          .slice(0, 3)
          .map(
            ({ key, ttlSeconds }) =>
              `${key.slice(prefix.length)}: ${found.get(key)?.ttlMs ?? 'absent'} ms of ${ttlSeconds} s`,
          ),
      ),
    },
  );
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
