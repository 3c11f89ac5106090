import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildVectorKey, ConfigurationError } from '../../../client/index.ts';

const search = { namespace: 'documents', vector: [0.12345, -0.5, 0], topK: 10 };

/**
 * Components at the centres of cells, in units of a cell with 4 decimals: noise below half a cell crosses no boundary.
 */
const cells = fc.array(fc.integer({ min: -10_000, max: 10_000 }), { minLength: 1, maxLength: 50 });

describe('a vector key', () => {
  it('does not change under noise that crosses no cell boundary', () => {
    fc.assert(
      fc.property(cells, fc.double({ min: -0.49, max: 0.49, noNaN: true }), (list, noise) => {
        const vector = list.map((cell) => cell / 1e4);
        const noisy = list.map((cell, i) => (cell + (i % 2 ? noise : -noise)) / 1e4);
        expect(buildVectorKey({ ...search, vector: noisy })).toBe(buildVectorKey({ ...search, vector }));
      }),
    );
  });

  it('differs when a component differs by more than a cell', () => {
    fc.assert(
      fc.property(cells, fc.nat(), (list, at) => {
        const vector = list.map((cell) => cell / 1e4);
        const other = vector.map((component, i) =>
          i === at % list.length ? component + 1.01e-4 : component,
        );
        expect(buildVectorKey({ ...search, vector: other })).not.toBe(buildVectorKey({ ...search, vector }));
      }),
    );
  });

  it('is usually the same after a conversion of 1536 components to float32, as the doc comment states', () => {
    let state = 1;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647 - 0.5;
    };
    const trials = 200;
    let same = 0;
    for (let i = 0; i < trials; i++) {
      const vector = Array.from({ length: 1536 }, () => random() * 0.1);
      const stored = new Float32Array(vector);
      if (buildVectorKey({ ...search, vector }) === buildVectorKey({ ...search, vector: stored })) same += 1;
    }
    expect(same / trials).toBeGreaterThan(0.9);
  });

  it('contains its version and hashes the rest', () => {
    expect(buildVectorKey(search)).toMatch(/^v1:vector:[0-9a-f]{16}$/);
    expect(buildVectorKey(search, { version: 2, namespace: 'shop' })).toMatch(/^shop:v2:vector:/);
  });

  it('differs for a different collection, number of results, filter or precision', () => {
    const keys = [
      buildVectorKey(search),
      buildVectorKey({ ...search, namespace: 'images' }),
      buildVectorKey({ ...search, topK: 11 }),
      buildVectorKey({ ...search, params: { lang: 'en' } }),
      buildVectorKey(search, { decimals: 3 }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(buildVectorKey({ ...search, vector: [-0] })).toBe(buildVectorKey({ ...search, vector: [0] }));
  });

  it('rejects input that is not a vector search', () => {
    const bad: [object, RegExp][] = [
      [{ vector: [] }, /at least one component/],
      [{ vector: [1, Number.NaN] }, /vector\[1\]: NaN/],
      [{ vector: [1e300] }, /vector\[0\]: 1e\+300/],
      [{ topK: 0 }, /topK: must be .*, got 0/],
    ];
    for (const [change, message] of bad) {
      expect(() => buildVectorKey({ ...search, ...change })).toThrowError(ConfigurationError);
      expect(() => buildVectorKey({ ...search, ...change })).toThrowError(message);
    }
    expect(() => buildVectorKey(search, { decimals: 1.5 })).toThrowError(/decimals: must .*, got 1\.5/);
  });
});
