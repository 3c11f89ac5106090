/**
 * TTLs as Redis itself reports them, and the edge cases: 0 stores nothing, a negative TTL is refused, and null means no
 * expiry. `stale.ts` checks values past their TTL, at the same time.
 */
import type { Cache } from '../../../../client/index.ts';
import { waitUntil } from '../../../wait.ts';
import type { ScriptContext } from '../script.ts';
import { defineScript, equals, errorOf } from '../script.ts';
import { expectStaleValues } from './stale.ts';

export const ttlExpiry = defineScript({
  name: 'ttl-expiry',
  defaults: {
    ...{ ttlSeconds: 1, expiryBoundMs: 3_000, windowSeconds: 1, openWindowSeconds: 60 },
    ...{ softTimeoutMs: 50, hardTimeoutMs: 300, slackMs: 1_000, settleBoundMs: 5_000 },
  },
  async run(context) {
    const { open, expect, remember, masterOf, tag, parameters, signal } = context;
    const stale = expectStaleValues(context);
    stale.catch(() => undefined);
    const cache = open();
    const keyOf = (name: string) => {
      const logical = `ttl:${tag}:${name}`;
      remember(cache.physicalKey(logical));
      return logical;
    };
    const { ttlSeconds, expiryBoundMs } = parameters;
    await cache.ping();

    await expectDefaultTtl(context, keyOf('default'), cache);

    await cache.set(keyOf('short'), 'short', { ttlSeconds });
    expect(
      'before-expiry',
      'a value is a hit before its TTL has passed',
      equals('short', await cache.get(keyOf('short'))),
    );
    await waitUntil(
      'the short TTL to expire in Redis',
      async () => {
        const physical = cache.physicalKey(keyOf('short'));
        return (await (await masterOf(physical)).exists(physical)) === 0;
      },
      { boundMs: expiryBoundMs, signal },
    );
    expect(
      'after-expiry',
      'a value is a miss after its TTL has passed',
      equals(null, (await cache.get(keyOf('short'))) ?? null),
    );
    expect(
      'recomputed',
      'a value is computed again after its TTL has passed',
      equals('new', await cache.getOrCompute(keyOf('short'), () => 'new')),
    );

    await expectEdgeCases(context, keyOf, cache);
    await stale;
  },
});

async function expectEdgeCases(
  context: ScriptContext,
  keyOf: (name: string) => string,
  cache: Cache,
): Promise<void> {
  const { expect, shared } = context;
  const pttlMs = (logical: string) => remainingMs(context, cache.physicalKey(logical));
  await cache.set(keyOf('zero'), 'not stored', { ttlSeconds: 0 });
  expect('zero-not-stored', 'a TTL of 0 stores nothing', equals(-2, await pttlMs(keyOf('zero'))));
  expect(
    'zero-miss',
    'a value with a TTL of 0 is a miss',
    equals(null, (await cache.get(keyOf('zero'))) ?? null),
  );

  const refused = await errorOf(() => cache.set(keyOf('negative'), 'refused', { ttlSeconds: -1 }));
  expect('negative-refused', 'a negative TTL is a configuration error', equals('CONFIGURATION', refused));
  expect('negative-not-stored', 'a negative TTL stores nothing', equals(-2, await pttlMs(keyOf('negative'))));

  if (shared) return;
  await cache.set(keyOf('none'), 'for ever', { ttlSeconds: null });
  expect('null-no-expiry', 'a TTL of null never expires', equals(-1, await pttlMs(keyOf('none'))));
}

/** Jitter may shorten a TTL by a few percent, so that keys set together do not expire together. */
async function expectDefaultTtl(context: ScriptContext, key: string, cache: Cache): Promise<void> {
  const { expect, spec } = context;
  const defaultMs = spec.settings.defaultTtlSeconds * 1_000;
  await cache.set(key, 'kept');
  const actual = await remainingMs(context, cache.physicalKey(key));
  const most = { relation: 'at-most', expected: defaultMs, actual, unit: 'ms' } as const;
  expect('default-at-most', 'without a TTL at most the default applies', most);
  expect('default-at-least', 'without a TTL almost the full default applies', {
    ...most,
    relation: 'at-least',
    expected: defaultMs * 0.8,
  });
}

/** Returns the remaining TTL, in ms, that Redis reports; -2 if the key does not exist, -1 if it has no expiry. */
async function remainingMs({ masterOf }: ScriptContext, physical: string): Promise<number> {
  return (await masterOf(physical)).pttl(physical);
}
