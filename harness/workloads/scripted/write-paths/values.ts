/**
 * Values of every kind, written by one cache and read by another, with every call that stores or returns a value. Each
 * value must be read back equal in type and content, or be refused.
 */
import type { Cache, Lookup } from '../../../../client/index.ts';
import { valueText } from '../../calls/value-text.ts';
import { equals, errorOf, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

const CODECS = { codecs: [{ pattern: 'rich:', codec: 'binary' }], deflateAboveBytes: 10_000 } as const;
/** Longer than `deflateAboveBytes`. */
const LONG = 'ä€😀'.repeat(20_000);

const PLAIN: Readonly<Record<string, unknown>> = {
  ...{ null: null, false: false, zero: 0, empty: '', text: 'Ünïcode 😀', number: -1.5e-9, long: LONG },
  ...{ page: 'page '.repeat(1_000) },
  ...{ list: [1, 'two', null, []], nested: { a: { b: [{ c: '' }] }, e: {} } },
};
const RICH: Readonly<Record<string, unknown>> = {
  ...{ date: new Date(0), map: new Map([['a', new Set([1n, 2n])]]), bytes: new Uint8Array([0, 255, 13, 10]) },
  ...{ bigint: 2n ** 70n, mixed: { at: new Date(1), of: [new Map()] }, plain: PLAIN },
};

type Values = ReadonlyMap<string, unknown>;

const WRITES: Readonly<Record<string, (cache: Cache, values: Values) => Promise<unknown>>> = {
  'set-many': (cache, values) => cache.setMany(values),
  set: (cache, values) => Promise.all([...values].map(([name, value]) => cache.set(name, value))),
  compute: (cache, values) =>
    Promise.all([...values].map(([name, value]) => cache.getOrCompute(name, () => value))),
  'compute-many': (cache, values) => cache.getOrComputeMany([...values.keys()], () => values),
};

const READS: Readonly<Record<string, (cache: Cache, name: string) => Promise<unknown>>> = {
  get: (cache, name) => cache.get(name),
  getEntry: async (cache, name) => (await cache.getEntry(name))?.value,
  lookup: async (cache, name) => valueIn(await cache.lookup(name)),
  getWithTtl: async (cache, name) => (await cache.getWithTtl(name))?.value,
  getMany: async (cache, name) => (await cache.getMany([name])).get(name),
  lookupMany: async (cache, name) => valueIn((await cache.lookupMany([name])).get(name)),
  getOrCompute: (cache, name) => cache.getOrCompute<unknown>(name, () => 'loaded again'),
};

const valueIn = (found: Lookup<unknown> | undefined): unknown =>
  found?.found === true ? found.value : undefined;

export async function expectValues(
  context: ScriptContext<{ readonly storedBoundMs: number }>,
  cache: Cache,
  namespace: string,
): Promise<void> {
  const writer = context.open({ ...RELAXED_LIMITS, ...CODECS, namespace });
  for (const [id, write] of Object.entries(WRITES)) {
    const values: Values = new Map([
      ...Object.entries(PLAIN).map(([name, value]) => [`plain:${id}:${name}`, value] as const),
      ...Object.entries(RICH).map(([name, value]) => [`rich:${id}:${name}`, value] as const),
    ]);
    const names = [...values.keys()];
    await write(writer, values);
    // Loaded values are stored in the background.
    const isStored = async () => (await cache.exists(names)) === names.length;
    await context.awaitCondition(`values that ${id} wrote`, isStored, context.parameters.storedBoundMs);
    const changed: string[] = [];
    for (const [call, read] of Object.entries(READS)) {
      const found = await Promise.all(names.map((name) => read(cache, name)));
      changed.push(
        ...names
          .filter((name, i) => valueText(found[i]) !== valueText(values.get(name)))
          .map((name) => `${call} ${name}`),
      );
    }
    context.expect(
      `value/kinds-${id}`,
      `values of every kind from ${id} read back unchanged by another cache`,
      {
        ...equals([], changed),
      },
    );
  }
  await expectRefused(context, writer);
}

async function expectRefused({ expect }: ScriptContext, writer: Cache): Promise<void> {
  const refused = await Promise.all(
    [new Map(), { of: undefined }, new (class Account {})()].map((value) =>
      errorOf(() => writer.set('plain:refused', value)),
    ),
  );
  expect('value/refused', 'values that JSON would change are refused', {
    ...equals(['SERIALIZATION', 'SERIALIZATION', 'SERIALIZATION'], refused),
  });
}
