/** The documents are correct: their links resolve, their tables match the code, and the proofs that they name exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../config/errors.ts';
import { drillsNamed } from '../harness/registry.ts';

const TOP = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(TOP, path), 'utf8');
const DOCUMENTS = [
  ...readdirSync(TOP).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(TOP, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Rows of the mission. Each of them has a line in docs/traceability.md. */
const ROWS = [...ids('A', 11), ...ids('B', 20), ...ids('C', 7), ...ids('D', 3), ...ids('E', 5)];

function ids(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}

function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => /^\|(?!-)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('every document', () => {
  it.each(DOCUMENTS)('%s links only to existing targets', (document) => {
    const targets = [...read(document).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(
      ([, target]) => target ?? '',
    );
    expect(targets.filter((target) => !existsSync(join(TOP, dirname(document), target)))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s contains no placeholder', (document) => {
    expect(read(document)).not.toMatch(/<!--/);
  });
});

describe('the exit codes', () => {
  it.each(['README.md', 'docs/exit-codes.md'])('the exit codes in %s match the code', (document) => {
    const codes = tableRows(read(document))
      .map(([code]) => code ?? '')
      .filter((code) => /^\d+$/.test(code));
    expect(codes.map(Number)).toEqual(Object.values(EXIT));
  });
});

describe('the traceability table', () => {
  const rows = tableRows(read('docs/traceability.md')).filter(([id]) => /^[A-E]\d+$/.test(id ?? ''));

  it('has every row of the mission exactly once and in order', () => {
    expect(rows.map(([id]) => id)).toEqual(ROWS);
  });

  it('names a proof for every row, or "not yet"', () => {
    const silent = rows.filter(([, , proof]) => !/`(?:test\/|drill )|not yet/.test(proof ?? ''));
    expect(silent.map(([id]) => id)).toEqual([]);
  });

  it('names only existing test files and drills', () => {
    const drills = drillsNamed('all').map(({ id }) => id);
    const proofs = rows.flatMap(([, , proof]) =>
      [...(proof ?? '').matchAll(/`(test\/[^`]+|drill [^`]+)`/g)].map(([, name]) => name ?? ''),
    );
    expect(proofs.length).toBeGreaterThan(0);
    const missing = proofs.filter((name) =>
      name.startsWith('drill ') ? !drills.includes(name.slice(6)) : !existsSync(join(TOP, name)),
    );
    expect(missing).toEqual([]);
  });

  it('names every drill', () => {
    const text = rows.map(([, , proof]) => proof).join('\n');
    expect(
      drillsNamed('all')
        .filter(({ id }) => !text.includes(`\`drill ${id}\``))
        .map(({ id }) => id),
    ).toEqual([]);
  });
});

it('CONTRIBUTING.md lists every test on Docker that CI does not run', () => {
  const listed = tableRows(read('CONTRIBUTING.md')).map(([file]) => file?.replaceAll('`', ''));
  const files = readdirSync(join(TOP, 'test/infra/substrates/docker/full'));
  expect(listed.filter((file) => file?.endsWith('.engine.ts'))).toEqual(files.sort());
});

it('the list of decisions contains every decision page', () => {
  const list = read('docs/decisions/README.md');
  const pages = readdirSync(join(TOP, 'docs/decisions')).filter((name) => name !== 'README.md');
  expect(pages.filter((page) => !list.includes(`(${page})`))).toEqual([]);
});
