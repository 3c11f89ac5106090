/**
 * The assignment of an id is sticky, changes only from control to canary while the share grows, and is uniform for ids
 * of any form.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { armOf, armOfHash, hashOf } from '../../canary/assignment/assignment.ts';
import { murmur3 } from '../../canary/assignment/murmur3.ts';

describe('murmur3', () => {
  // Published vectors of MurmurHash3_x86_32: the test cases of the reference implementation and of its ports.
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['\0\0\0\0', 0, 0x2362f9de],
    ['\0\0\0', 0, 0x85f0b427],
    ['\0\0', 0, 0x30f4c306],
    ['\0', 0, 0x514e28b7],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['ab', 0x9747b28c, 0x74875592],
    ['abc', 0x9747b28c, 0xc84a62dd],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('the hash of %j with the seed %d is the published value', (text, seed, hash) => {
    expect(murmur3(text, seed)).toBe(hash);
  });

  it('agrees with a plain implementation on any text, of any length', () => {
    const text = fc.string({ unit: 'binary', maxLength: 600 });
    fc.assert(
      fc.property(text, fc.nat(), (any, seed) => {
        expect(murmur3(any, seed)).toBe(reference(any, seed));
      }),
    );
  });
});

describe('the assignment of an id', () => {
  // A change to these values would move users between the arms of a running rollout.
  it.each([
    ['user-1', 877016232],
    ['42', 875204348],
    ['0', 4028407257],
    ['', 707343409],
    ['a@example.org', 2851818],
    ['ü', 1192420039],
    ['用户', 2262867897],
    ['550e8400-e29b-41d4-a716-446655440000', 4159499699],
  ])('%j has the hash %d', (id, hash) => {
    expect(hashOf('pattern-cache', id)).toBe(hash);
  });

  it('keeps each user in the canary while the share grows', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.string(), share, share, (id, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        if (armOf('pattern-cache', id, low) === 'canary')
          expect(armOf('pattern-cache', id, high)).toBe('canary');
      }),
    );
  });

  it('is the control at a share of 0 and the canary at a share of 1', () => {
    for (const hash of [0, 1, 2 ** 32 - 1]) {
      expect(armOfHash(hash, 0)).toBe('control');
      expect(armOfHash(hash, 1)).toBe('canary');
    }
  });

  it('differs between flags: half of the canary users of one flag are canary users of another flag', () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `user-${i}`).filter(
      (id) => armOf('one-flag', id, 0.5) === 'canary',
    );
    const both = ids.filter((id) => armOf('another-flag', id, 0.5) === 'canary').length / ids.length;
    expect(both).toBeGreaterThan(0.45);
    expect(both).toBeLessThan(0.55);
  });

  it.each([
    ['numbers', (i: number) => String(i)],
    ['padded numbers', (i: number) => String(i).padStart(12, '0')],
    ['mail addresses', (i: number) => `user.${i}@example.org`],
    ['UUIDs', (i: number) => `550e8400-e29b-41d4-a716-${i.toString(16).padStart(12, '0')}`],
    ['repetitions of one letter', (i: number) => 'x'.repeat(1 + (i % 300)) + Math.floor(i / 300)],
    ['non-Latin names', (i: number) => `用户${i}`],
  ])('is uniform for ids that are %s', (_shape, idOf) => {
    const BINS = 100;
    const N = 40_000;
    const bins = new Array<number>(BINS).fill(0);
    for (let i = 0; i < N; i++) {
      const bin = Math.floor((hashOf('pattern-cache', idOf(i)) / 2 ** 32) * BINS);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const chiSquared = bins.reduce((sum, count) => sum + (count - N / BINS) ** 2 / (N / BINS), 0);
    // With 99 degrees of freedom, the statistic is above 148 in 0.1 % of samples. The ids are fixed, so this test is
    // never flaky.
    expect(chiSquared).toBeLessThan(148);
  });
});

/**
 * The reference algorithm with arbitrary-precision integers. It is slow, and was written from the description of the
 * algorithm.
 */
function reference(text: string, seed: number): number {
  const bytes = Buffer.from(text);
  const wrap = (value: bigint) => BigInt.asUintN(32, value);
  const rotate = (value: bigint, by: bigint) => wrap((value << by) | (value >> (32n - by)));
  const mixed = (block: bigint) => wrap(rotate(wrap(block * 0xcc9e2d51n), 15n) * 0x1b873593n);
  let hash = BigInt(seed);
  const blocks = Math.floor(bytes.length / 4);
  for (let i = 0; i < blocks; i++)
    hash = wrap(rotate(hash ^ mixed(BigInt(bytes.readUInt32LE(4 * i))), 13n) * 5n + 0xe6546b64n);
  const tail = bytes.subarray(4 * blocks);
  hash ^= mixed([...tail].reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n));
  hash ^= BigInt(bytes.length);
  hash = wrap((hash ^ (hash >> 16n)) * 0x85ebca6bn);
  hash = wrap((hash ^ (hash >> 13n)) * 0xc2b2ae35n);
  return Number(hash ^ (hash >> 16n));
}
