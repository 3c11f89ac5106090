/**
 * Reporter that prints the slowest test files at the end of a run. `--outputFile.files=FILE` also writes the time of
 * every file as Markdown, for a run that is recorded in `docs/results/`; a run with a failed test is not written.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { relative, resolve } from 'node:path';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { commitOf } from './coverage-commit.ts';

const PRINTED = 10;

export interface FileTime {
  readonly path: string;
  readonly seconds: number;
  readonly passed: number;
  readonly skipped: number;
}

function fileTime(module: TestModule): FileTime {
  const { prepareDuration, setupDuration, collectDuration, duration } = module.diagnostic();
  const states = [...module.children.allTests()].map((test) => test.result().state);
  return {
    path: relative(resolve('.'), module.moduleId),
    seconds: (prepareDuration + setupDuration + collectDuration + duration) / 1_000,
    passed: states.filter((state) => state === 'passed').length,
    skipped: states.filter((state) => state === 'skipped').length,
  };
}

/** Returns the files with the slowest one first. Files run in parallel, so the sum can exceed the time of the run. */
export function slowestFirst(files: readonly FileTime[]): readonly FileTime[] {
  return files.toSorted((a, b) => b.seconds - a.seconds);
}

export function renderSlowest(files: readonly FileTime[]): string {
  const sum = files.reduce((seconds, file) => seconds + file.seconds, 0);
  const lines = slowestFirst(files)
    .slice(0, PRINTED)
    .map(({ path, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${path}`);
  return [`slowest of ${files.length} test files (sum of all ${sum.toFixed(0)} s):`, ...lines, ''].join('\n');
}

export interface RunFacts {
  /** Command without the option that names the document. */
  readonly command: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
}

/** Renders the document. @param path path of the document */
export function renderDocument(path: string, files: readonly FileTime[], facts: RunFacts): string {
  const sum = (value: (file: FileTime) => number) => files.reduce((total, file) => total + value(file), 0);
  return [
    '# Test files and their times',
    '',
    `${facts.date}, commit ${facts.commit}, ${facts.machine}.`,
    '',
    '```console',
    `$ ${facts.command} -- --outputFile.files=${path}`,
    '```',
    '',
    `Tests passed: ${sum(({ passed }) => passed)} in ${files.length} files. Tests skipped: ${sum(({ skipped }) => skipped)}.`,
    '',
    '| file | passed | skipped | seconds |',
    '|---|--:|--:|--:|',
    ...slowestFirst(files).map(
      (file) => `| \`${file.path}\` | ${file.passed} | ${file.skipped} | ${file.seconds.toFixed(1)} |`,
    ),
    '',
  ].join('\n');
}

export default class SlowestFilesReporter implements Reporter {
  readonly #command: string;
  #output: string | undefined;

  constructor({ command = 'npm test' }: { readonly command?: string } = {}) {
    this.#command = command;
  }

  onInit({ config: { outputFile } }: Vitest): void {
    this.#output = typeof outputFile === 'object' ? outputFile.files : undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const files = modules.map(fileTime);
    process.stdout.write(`\n${renderSlowest(files)}\n`);
    if (this.#output === undefined || errors.length > 0 || !modules.every((module) => module.ok())) return;
    const facts = {
      command: this.#command,
      date: new Date().toISOString().slice(0, 10),
      commit: commitOf(resolve('.'))?.replace(/^(\w{8})\w*/, '$1') ?? 'unknown',
      machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`,
    };
    writeFileSync(this.#output, renderDocument(this.#output, files, facts));
  }
}
