/**
 * Properties of keys for any input: inputs with the same meaning have the same key, inputs with a different meaning
 * have different keys, and no text breaks the format of a key.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildBatchKey,
  buildKey,
  buildResponseKey,
  buildVectorKey,
  ConfigurationError,
} from '../../../client/index.ts';

type Plain =
  | null
  | boolean
  | number
  | string
  | bigint
  | Date
  | Uint8Array
  | Plain[]
  | { [name: string]: Plain };

/** Includes combining marks, so texts have composed and decomposed forms. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('é', 'e\u0301', 'ﬁ', 'Å', '"', ',', ':', '~'),
);
const { value: plain } = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Plain>(null, true, false, 0, -0, 1, '', '1', 'null', 1n, [], {}),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
}));

const isObject = (value: unknown): value is Record<string, Plain> =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));

/**
 * The same value in a different form: different property order, explicit undefined properties, decomposed text, zero
 * with the opposite sign.
 */
function changeValue(value: Plain): unknown {
  if (typeof value === 'string') return value.normalize('NFD');
  if (value === 0) return Object.is(value, 0) ? -0 : 0;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(changeValue);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, field]) => [name.normalize('NFD'), changeValue(field)]);
  return Object.fromEntries([['absent\u0000', undefined], ...entries.reverse()]);
}

/** The meaning of a value, as a string computed independently of the keys. */
const meaning = (value: Plain): string => JSON.stringify(tagged(value));
function tagged(value: Plain): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return ['text', value.normalize('NFC')];
  if (typeof value === 'number') return ['number', value === 0 ? 0 : value];
  if (typeof value === 'bigint') return ['integer', String(value)];
  if (value instanceof Date) return ['date', value.getTime()];
  if (value instanceof Uint8Array) return ['bytes', ...value];
  if (Array.isArray(value)) return ['list', ...value.map(tagged)];
  const fields = Object.entries(value).map(
    ([name, field]) => [name.normalize('NFC'), tagged(field)] as const,
  );
  return ['fields', ...fields.sort(([one], [other]) => (one < other ? -1 : 1))];
}

/** True if two names in an object are equal after composition, so that their order is undefined. */
function isAmbiguous(value: Plain): boolean {
  if (Array.isArray(value)) return value.some(isAmbiguous);
  if (!isObject(value)) return false;
  const names = Object.keys(value).map((name) => name.normalize('NFC'));
  return new Set(names).size < names.length || Object.values(value).some(isAmbiguous);
}
const clear = plain.filter((value) => !isAmbiguous(value));

describe('a key', () => {
  it('does not depend on the spelling of the input', () => {
    fc.assert(
      fc.property(clear, (value) => {
        expect(buildKey('d', changeValue(value))).toBe(buildKey('d', value));
        expect(buildResponseKey('p', changeValue(value))).toBe(buildResponseKey('p', value));
        expect(buildBatchKey([changeValue(value)])).toBe(buildBatchKey([value]));
      }),
    );
  });

  it('is the same if and only if the inputs have the same meaning', () => {
    fc.assert(
      fc.property(clear, clear, (a, b) => {
        expect(buildKey('d', a) === buildKey('d', b)).toBe(meaning(a) === meaning(b));
      }),
      { numRuns: 1000 },
    );
  });

  it('differs when one part of the input is replaced, moved into a list, or omitted', () => {
    fc.assert(
      fc.property(fc.array(clear, { minLength: 1, maxLength: 5 }), fc.nat(), clear, (parts, at, other) => {
        const i = at % parts.length;
        const one = parts[i] as Plain;
        const replaced = parts.with(i, other);
        expect(buildKey('d', replaced) === buildKey('d', parts)).toBe(meaning(other) === meaning(one));
        expect(buildKey('d', parts.with(i, [one]))).not.toBe(buildKey('d', parts));
        expect(buildKey('d', parts.toSpliced(i, 1))).not.toBe(buildKey('d', parts));
      }),
    );
  });

  it('differs for a different domain, version, namespace or shape', () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/);
    const named = fc.record({
      domain: segment,
      version: fc.integer({ min: 1, max: 1e6 }),
      namespace: fc.option(segment, { nil: undefined }),
      schemaId: fc.option(
        text.filter((id) => id !== ''),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(named, named, ({ domain, ...a }, { domain: otherDomain, ...b }) => {
        const same = JSON.stringify([domain, a]) === JSON.stringify([otherDomain, b]);
        expect(buildKey(domain, 1, a) === buildKey(otherDomain, 1, b)).toBe(same);
      }),
    );
  });

  it('has the documented number of parts for every domain and prefix, unless an error names an invalid part', () => {
    fc.assert(
      fc.property(text, (name) => {
        for (const [build, parts] of [
          [() => buildKey(name, 1), 3],
          [() => buildResponseKey(name, 1), 3],
          [() => buildKey('d', 1, { namespace: name }), 4],
        ] as const)
          try {
            const key = build();
            expect(key.split(':')).toHaveLength(parts);
            expect(key).not.toMatch(/[\s*?[\]{}]/);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigurationError);
            expect((error as Error).message).toContain(JSON.stringify(name));
          }
      }),
    );
  });
});

describe('a vector key', () => {
  const component = fc.double({ min: -1, max: 1, noNaN: true });
  const vector = fc.array(component, { minLength: 1, maxLength: 64 });
  const of = (components: readonly number[], decimals?: number): string =>
    buildVectorKey(
      { namespace: 'n', vector: components, topK: 3 },
      decimals === undefined ? {} : { decimals },
    );

  it('is shared by vectors if and only if each component rounds to the same value, at every precision', () => {
    fc.assert(
      fc.property(vector, fc.double({ min: 0, max: 2, noNaN: true }), fc.nat(8), (list, share, decimals) => {
        const step = 10 ** -decimals;
        const moved = list.map((each, i) => each + (i % 2 === 0 ? share : -share) * step);
        const cells = (of: readonly number[]) =>
          of.map((each) => Math.round(each * 10 ** decimals) + 0).join();
        expect(of(moved, decimals) === of(list, decimals)).toBe(cells(moved) === cells(list));
        if (share > 1.001 && decimals < 8) expect(of(moved, decimals)).not.toBe(of(list, decimals));
      }),
    );
  });

  it('depends on the order and number of components, but not on the array type', () => {
    fc.assert(
      fc.property(vector, (list) => {
        expect(of([...list, 0])).not.toBe(of(list));
        const key = (of: Float64Array) => buildVectorKey({ namespace: 'n', vector: of, topK: 3 });
        expect(key(Float64Array.from(list))).toBe(of(list));
        const [a, b] = [Math.round((list[0] ?? 0) * 1e4), Math.round((list.at(-1) ?? 0) * 1e4)];
        if (a !== b) expect(of(list.with(0, b / 1e4).with(-1, a / 1e4))).not.toBe(of(list));
      }),
    );
  });
});
