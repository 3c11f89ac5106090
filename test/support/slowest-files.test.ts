import { expect, it } from 'vitest';
import { type FileTime, renderDocument, renderSlowest } from './slowest-files.ts';

const file = (path: string, seconds: number, skipped = 0): FileTime => ({
  path,
  seconds,
  passed: 2,
  skipped,
});
const files = Array.from({ length: 12 }, (_, i) => file(`test/${i}.test.ts`, i));

it('the ten slowest test files are listed, the slowest one first, with the sum of all', () => {
  const [title, ...lines] = renderSlowest(files).trimEnd().split('\n');
  expect(title).toBe('slowest of 12 test files (sum of all 66 s):');
  expect(lines.map((line) => line.trim())).toEqual(
    [11, 10, 9, 8, 7, 6, 5, 4, 3, 2].map((i) => `${i}.0 s  test/${i}.test.ts`),
  );
});

it('the document names the command, the machine and every test file', () => {
  const facts = {
    command: 'npm run test:engine:full',
    date: '2026-12-01',
    commit: 'abc',
    machine: 'two cores',
  };
  const text = renderDocument(
    'out.md',
    [file('test/short.test.ts', 1.25), file('test/long.test.ts', 30, 1)],
    facts,
  );
  expect(text).toContain('2026-12-01, commit abc, two cores.');
  expect(text).toContain('$ npm run test:engine:full -- --outputFile.files=out.md');
  expect(text).toContain('Tests passed: 4 in 2 files. Tests skipped: 1.');
  expect(text.split('\n').filter((line) => line.startsWith('| `'))).toEqual([
    '| `test/long.test.ts` | 2 | 1 | 30.0 |',
    '| `test/short.test.ts` | 2 | 0 | 1.3 |',
  ]);
});
