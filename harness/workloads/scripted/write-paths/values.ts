/**
 * Values of every kind, written by one cache and read by another. Each value must be read back equal in type and
 * content, or be refused.
 */
import type { Cache } from '../../../../client/index.ts';
import { valueText } from '../../calls/value-text.ts';
import { equals, errorOf, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

const CODECS = { codecs: [{ pattern: 'rich:', codec: 'binary' }], deflateAboveBytes: 1_024 } as const;
const LONG = 'ä€😀'.repeat(20_000);

const PLAIN: Readonly<Record<string, unknown>> = {
  ...{ null: null, false: false, zero: 0, empty: '', text: 'Ünïcode 😀', number: -1.5e-9, long: LONG },
  ...{ list: [1, 'two', null, []], nested: { a: { b: [{ c: '' }] }, e: {} } },
};
const RICH: Readonly<Record<string, unknown>> = {
  ...{ date: new Date(0), map: new Map([['a', new Set([1n, 2n])]]), bytes: new Uint8Array([0, 255, 13, 10]) },
  ...{ bigint: 2n ** 70n, mixed: { at: new Date(1), of: [new Map()] }, plain: PLAIN },
};

export async function expectValues(context: ScriptContext, cache: Cache, namespace: string): Promise<void> {
  const writer = context.open({ ...RELAXED_LIMITS, ...CODECS, namespace });
  const values = new Map([
    ...Object.entries(PLAIN).map(([name, value]) => [`plain:${name}`, value] as const),
    ...Object.entries(RICH).map(([name, value]) => [`rich:${name}`, value] as const),
  ]);
  await writer.setMany(values);
  const read = await cache.getMany([...values.keys()]);
  const changed = [...values].filter(
    ([name, value]) => !read.has(name) || valueText(read.get(name)) !== valueText(value),
  );
  context.expect('value/kinds', 'values of every kind read back unchanged by another cache', {
    ...equals(
      [],
      changed.map(([name]) => name),
    ),
  });
  const refused = await Promise.all(
    [new Map(), { of: undefined }, new (class Account {})()].map((value) =>
      errorOf(() => writer.set('plain:refused', value)),
    ),
  );
  context.expect('value/refused', 'values that JSON would change are refused', {
    ...equals(['SERIALIZATION', 'SERIALIZATION', 'SERIALIZATION'], refused),
  });
}
