import { expect, it } from 'vitest';
import type { TestSpecification, Vitest } from 'vitest/node';
import { longFirst } from './long-first.ts';

const specification = (moduleId: string, groupOrder = 0) =>
  ({
    moduleId,
    project: { name: String(groupOrder), config: { isolate: true, sequence: { groupOrder } } },
  }) as unknown as TestSpecification;

/** Sorts without results of an earlier run and without sizes: no file exists. */
async function sorted(paths: readonly string[], files: readonly TestSpecification[]) {
  const context = { cache: { getTestSpecificationResult: () => undefined } } as unknown as Vitest;
  const Sequencer = longFirst(paths);
  return (await new Sequencer(context).sort([...files])).map(({ moduleId }) => moduleId);
}

it('test files that take long start first, in the given order, and the others keep theirs', async () => {
  const files = ['/t/a.test.ts', '/t/b.test.ts', '/t/long.test.ts', '/t/longest.test.ts'];
  expect(
    await sorted(
      ['/longest.test.ts', '/long.test.ts'],
      files.map((path) => specification(path)),
    ),
  ).toEqual(['/t/longest.test.ts', '/t/long.test.ts', '/t/a.test.ts', '/t/b.test.ts']);
});

it('test files that take long do not start before the files of an earlier group', async () => {
  const files = [specification('/t/long.test.ts', 2), specification('/t/a.test.ts', 1)];
  expect(await sorted(['/long.test.ts'], files)).toEqual(['/t/a.test.ts', '/t/long.test.ts']);
});
