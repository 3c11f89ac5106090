/**
 * Cache calls as data: the result of each operation, equal digests for equal values, and a process that cannot open its
 * cache.
 */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { memoryCache } from '../../../client/index.ts';
import type { ClientSpec } from '../../../harness/workloads/adapter.ts';
import type { Call } from '../../../harness/workloads/calls/call.ts';
import { startCaller } from '../../../harness/workloads/calls/child.ts';
import { callerOf } from '../../../harness/workloads/calls/perform.ts';
import { valueText } from '../../../harness/workloads/calls/value-text.ts';

describe('a caller', () => {
  let cache = memoryCache();
  let caller = callerOf('memory', cache);
  beforeEach(async () => {
    await cache.close();
    cache = memoryCache();
    caller = callerOf('memory', cache);
    await caller.perform({ operation: 'setMany', keys: ['a', 'b'], values: [1, { x: 'y' }] });
  });
  afterAll(() => cache.close());

  it.each<[Call, object]>([
    [{ operation: 'get', keys: ['a'] }, { answers: ['1'] }],
    [
      { operation: 'getEntry', keys: ['a'] },
      { answers: ['1'], sources: ['memory'] },
    ],
    [
      { operation: 'lookup', keys: ['absent'] },
      { answers: [null], sources: ['memory'] },
    ],
    [{ operation: 'getWithTtl', keys: ['absent'] }, { answers: [null] }],
    [{ operation: 'exists', keys: ['a', 'b', 'c'] }, { result: 2 }],
    [{ operation: 'getMany', keys: ['b', 'c'] }, { answers: ['{"x":"y"}', null] }],
    [
      { operation: 'lookupMany', keys: ['b', 'c'] },
      { answers: ['{"x":"y"}', null], sources: ['memory', 'memory'] },
    ],
    [{ operation: 'set', keys: ['c'], values: [null], ttlSeconds: 5 }, { sources: ['memory'] }],
    [{ operation: 'set', keys: ['c'], values: [1], ttlSeconds: -1 }, { error: 'CONFIGURATION' }],
    [{ operation: 'delete', keys: ['a', 'b', 'c'] }, { result: 2 }],
    [
      { operation: 'getOrCompute', keys: ['c'], values: ['v'] },
      { answers: ['"v"'], sources: ['loader'], loaded: ['c'] },
    ],
    [
      { operation: 'getOrCompute', keys: ['c'], load: { fails: true, takesMs: 1 } },
      { error: 'Error', loaded: ['c'] },
    ],
    [
      { operation: 'getOrCompute', keys: ['c'], values: [undefined], negativeTtlSeconds: 5 },
      { answers: [null], loaded: ['c'] },
    ],
    [
      { operation: 'getOrComputeMany', keys: ['a', 'c'], values: [0, 'v'] },
      { answers: ['1', '"v"'], loaded: ['c'] },
    ],
    [{ operation: 'invalidateTags', keys: [], tags: ['t'] }, { result: 'applied' }],
  ])('returns the result of the operation: %o', async (call, expected) => {
    expect(await caller.perform(call)).toMatchObject(expected);
  });
});

describe('the digest of a value', () => {
  it('is the same for equal values', () => {
    expect(valueText({ a: 1, b: [new Map([['k', new Set([1n])]])] })).toBe(
      valueText({ b: [new Map([['k', new Set([1n])]])], a: 1 }),
    );
    expect(valueText(Buffer.from([1, 255]))).toBe(valueText(new Uint8Array([1, 255])));
    expect(valueText('x'.repeat(1_000))).toMatch(/^"x{15}… 1002 characters, sha256 /);
  });

  it('differs for values with a different type or content', () => {
    const values = [0, -0, '0', 0n, null, [], {}, [0], new Date(0), new Map(), new Set(), new Uint8Array(1)];
    const long = [`${'x'.repeat(100)}a`, `${'x'.repeat(100)}b`];
    const texts = [...values, ...long, new Float64Array(1), { 0: 0 }, 'null', undefined].map(valueText);
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('a process with its own cache', () => {
  const spec = { client: 'kit', module: 'file:///nowhere.ts' } as unknown as ClientSpec;

  it('reports why it cannot open the cache, and exits', async () => {
    await expect(startCaller({ name: 'other', spec })).rejects.toThrow(
      /the process of other cannot open: .*cannot be loaded/,
    );
  });
});
