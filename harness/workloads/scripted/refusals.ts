/**
 * Redis replies to every write with an error: the masters require more replicas than exist (NOREPLICAS). Loads still
 * return their values, the error is counted and reported, and nothing is thrown to the caller.
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import { hasValue, prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, errorOf, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const DIRECTIVE = 'min-replicas-to-write';
/** Number of required replicas: more than any environment has. */
const UNREACHABLE = '99';

export const refusals = defineScript({
  name: 'refusals',
  defaults: { keys: 10, storedBoundMs: 5_000 },
  async run(context) {
    const { open, remember, expect, masters, tag, spec, parameters, signal } = context;
    const cache = open({ ...RELAXED_LIMITS, namespace: `${spec.settings.namespace}:refusals-${tag}` });
    const codes = new Set<string>();
    cache.on((event) => {
      if (event.type === 'refused') codes.add(event.code);
    });
    await cache.ping();
    await cache.set('before', 'before');
    const restore = await refuseWrites(await masters());
    try {
      await expectAnswers(context, cache, codes);
    } finally {
      await restore();
    }
    const name = 'after';
    expect('after', 'a load after the refusals returns its value', {
      ...equals('loaded', await cache.getOrCompute(name, () => 'loaded')),
    });
    const isStored = async () => {
      const found = (await rawKeys(context, prefixOf(cache))).get(cache.physicalKey(name));
      return found !== undefined && hasValue(found);
    };
    const wait = { boundMs: parameters.storedBoundMs, signal };
    const stored = await waitUntil('the loaded value in Redis', isStored, wait).catch(() => false);
    expect(
      'stored-again',
      'a load after the refusals is stored in Redis, without a restart',
      equals(true, stored),
    );
    remember(...(await rawKeys(context, prefixOf(cache))).keys());
  },
});

async function expectAnswers(
  { expect, parameters }: ScriptContext & { readonly parameters: { readonly keys: number } },
  cache: Cache,
  codes: ReadonlySet<string>,
): Promise<void> {
  const names = Array.from({ length: parameters.keys }, (_, n) => `refused:${n}`);
  const results = await Promise.all(
    names.map(async (name) => {
      let value: unknown;
      const error = await errorOf(async () => {
        value = await cache.getOrCompute(name, () => name);
      });
      return { error, isRight: value === name };
    }),
  );
  expect('answers', 'loads that return the value of their loader, loads that throw', {
    ...equals(
      [names.length, 0],
      [results.filter(({ isRight }) => isRight).length, results.filter(({ error }) => error !== null).length],
    ),
  });
  expect('event', 'the event `refused` has the code of the reply', equals(['NOREPLICAS'], [...codes]));
  const { refusals: counted, breaker } = cache.stats();
  expect('counted', 'refusals are counted', { relation: 'at-least', expected: 1, actual: counted });
  expect('breaker', 'an error reply does not count as a connection failure', equals('closed', breaker.kind));
  const before = await cache.lookup('before');
  expect(
    'reads',
    'reads are served by Redis during the refusals',
    equals([true, 'redis'], [before.found, before.source]),
  );
}

/** Makes the masters refuse writes; returns a function that restores them. */
async function refuseWrites(masters: readonly Redis[]): Promise<() => Promise<void>> {
  const restores: (() => Promise<unknown>)[] = [];
  for (const master of masters) {
    const [, value = '0'] = (await master.config('GET', DIRECTIVE)) as string[];
    restores.push(() => master.config('SET', DIRECTIVE, value));
    await master.config('SET', DIRECTIVE, UNREACHABLE);
  }
  return async () => {
    for (const restore of restores) await restore();
  };
}
