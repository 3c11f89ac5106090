import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileGlob, escapeGlob } from '../../../client/invalidation/glob.ts';
import { RedisProcess } from '../../support/redis-process.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start({ host: '127.61.22.1' });
});
afterAll(() => redis[Symbol.asyncDispose]());

const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '-', ']', '*', 'ü'),
  minLength: 1,
  maxLength: 6,
});
const patternOf = (...characters: string[]) =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'c', '*', '?', ...characters), minLength: 1, maxLength: 8 });
// The two sets of characters are not combined: in Redis itself, the meaning of a range with a non-ASCII byte depends on
// whether the platform's `char` type is signed.
const pattern = fc.oneof(patternOf('[', ']', '^', '-', '\\'), patternOf('ü', ']', '-', '\\'));

it('a glob matches the same keys as in Redis', async () => {
  const admin = redis.admin();
  await fc.assert(
    fc.asyncProperty(pattern, fc.uniqueArray(text, { minLength: 1, maxLength: 20 }), async (glob, texts) => {
      await admin.flushall();
      await admin.mset(Object.fromEntries(texts.map((key) => [key, '1'])));
      const compiled = compileGlob(glob);
      expect(texts.filter((key) => compiled.matches(key)).sort()).toEqual((await admin.keys(glob)).sort());
    }),
    { numRuns: 500 },
  );
});

it('an escaped glob matches only its own text', () => {
  fc.assert(
    fc.property(pattern, text, (a, b) => {
      const compiled = compileGlob(escapeGlob(a));
      expect(compiled.matches(a)).toBe(true);
      expect(compiled.matches(b)).toBe(a === b);
    }),
  );
});

it('the number of matching steps is at most the length of the pattern times the length of the text', () => {
  const glob = compileGlob(`${'a*'.repeat(200)}b`);
  expect(glob.matches('a'.repeat(5000))).toBe(false);
});
