/**
 * Reporter for the planted faults. At the end of a run it prints a table of fault, criterion, state and remedy, and
 * writes the table as Markdown to the file that `--outputFile.faults` names.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import type { Criterion } from '../../harness/gates/gate.ts';

export interface Row {
  readonly side: 'server' | 'client';
  readonly id: string;
  readonly what: string;
  readonly criterion: string;
  readonly state: string;
  readonly remedy: string;
}

declare module 'vitest' {
  interface TaskMeta {
    planted?: Row;
  }
}

/** Builds the row of a detected fault. */
export function buildRow(
  side: Row['side'],
  { id, what }: { readonly id: string; readonly what: string },
  { id: criterion, state, remedy }: Criterion,
): Row {
  return { side, id, what, criterion, state, remedy };
}

/** A remedy can be too long for a table. The beginning of the remedy names the cause. */
const MAX_REMEDY_CHARACTERS = 240;

function cell(text: string): string {
  const short =
    text.length > MAX_REMEDY_CHARACTERS ? `${text.slice(0, MAX_REMEDY_CHARACTERS).trimEnd()} …` : text;
  return short.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** Replaces ports and digests, which differ in every run and would cause needless changes to the table. */
function maskVariableParts(remedy: string): string {
  return remedy
    .replaceAll(/digest:[0-9a-f]{16}/g, 'digest:…')
    .replaceAll(/127\.\d+\.\d+\.\d+([: ])\d+/g, '127.…$1…');
}

export function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(({ id, what, criterion, state, remedy }) =>
    [`\`${id}\``, cell(what), `\`${criterion}\``, state, cell(maskVariableParts(remedy))].join(' | '),
  );
  return ['| fault | what is wrong | criterion | state | remedy |', '|---|---|---|---|---|']
    .concat(lines.map((line) => `| ${line} |`))
    .join('\n');
}

/** Document with the results of a suite. */
interface Document {
  /** Command that runs the faults. */
  readonly command: string;
  /** Folder of the faults. */
  readonly folder: string;
  /** Path of the document. */
  readonly path: string;
}

const QUICK: Document = {
  command: 'npm run test:gates',
  folder: 'test/gates/faults/',
  path: 'docs/results/planted-faults.md',
};

function documentOf(rows: readonly Row[], { command, folder, path }: Document): string {
  const of = (side: Row['side']) => rows.filter((row) => row.side === side);
  const section = (title: string, side: Row['side']) =>
    of(side).length === 0 ? [] : [`## ${title}`, '', renderTable(of(side)), ''];
  return [
    '# Planted faults',
    '',
    `${rows.length} faults (${of('server').length} of servers, ${of('client').length} of the client) were planted one at a time into real`,
    'servers and into the client under test. Each turned the verdict by its criterion, and the remedy of',
    'that criterion names the cause. The runs without a fault were a GO.',
    '',
    '```console',
    `$ ${command} -- --outputFile.faults=${path}`,
    '```',
    '',
    `The faults are in \`${folder}\`, one file each.`,
    '',
    ...section('Servers', 'server'),
    ...section('Client', 'client'),
  ].join('\n');
}

export default class TableReporter implements Reporter {
  readonly #document: Document;
  #output: string | undefined;

  constructor(document: Partial<Document> = {}) {
    this.#document = { ...QUICK, ...document };
  }

  onInit({ config: { outputFile } }: Vitest): void {
    this.#output = typeof outputFile === 'object' ? outputFile.faults : undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const rows = tests.flatMap((test) => test.meta().planted ?? []);
    const order = (row: Row) => `${row.side === 'server' ? 0 : 1} ${row.criterion} ${row.id}`;
    rows.sort((a, b) => (order(a) < order(b) ? -1 : 1));
    process.stdout.write(`\n${renderTable(rows)}\n\n${rows.length} planted faults were caught\n`);
    const isWhole = tests.every((test) => test.result().state === 'passed');
    if (this.#output !== undefined && isWhole) writeFileSync(this.#output, documentOf(rows, this.#document));
  }
}
