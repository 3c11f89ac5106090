/** Executable blocks of docs/runbook.md: fenced `sh` blocks, each with the substrates for which it is intended. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'vitest';

export interface RunbookSection {
  readonly title: string;
  /** Texts of the section's blocks for the substrate, in order. */
  readonly blocks: readonly string[];
}

export function runbookSections(substrate: 'local' | 'docker'): readonly RunbookSection[] {
  const page = readFileSync('docs/runbook.md', 'utf8');
  return page
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      blocks: [...section.matchAll(/^```sh ([a-z ]+)\n(.*?)^```$/gms)]
        .filter(([, info = '']) => info.split(' ').includes(substrate))
        .map(([, , text]) => text ?? ''),
    }));
}

/** Symptom of a section. */
export interface Symptom {
  /** Command that prints the same output as the section's commands once the symptom is present. */
  readonly shownBy?: string;
  /** Matches a line that the section's commands print. */
  readonly prints: RegExp;
}

/** Programs that the blocks need but that are missing on this machine. */
export const missingPrograms = (...names: readonly string[]): readonly string[] =>
  names.filter((name) => spawnSync(name, ['--version']).error !== undefined);

/** The runbook on one environment. Executes its blocks in bash, as an operator in the checkout would. */
export class Runbook {
  readonly sections: readonly RunbookSection[];
  /** Script that defines the functions `view`, `rc` and `master`. */
  readonly functions: string;
  readonly #cwd: string;
  readonly #environment: string;

  constructor(substrate: 'local' | 'docker', environment: string, cwd: string) {
    this.#cwd = cwd;
    this.#environment = environment;
    this.sections = runbookSections(substrate);
    const [status = ''] = this.blocksOf('Environment status');
    this.functions = status.slice(0, status.indexOf('\nview\n'));
  }

  blocksOf(title: string): readonly string[] {
    return this.sections.find((each) => each.title === title)?.blocks ?? [];
  }

  /** Executes a script for the environment of the test instead of the environment in the page. */
  bash(script: string): Promise<{ readonly exitCode: number; readonly output: string }> {
    const kit = `kit() { "${process.execPath}" "${resolve('scripts/kit.ts')}" "$@"; }\n`;
    const own = script.replace(/^ENV=dev$/m, `ENV=${this.#environment}`);
    return new Promise((done) => {
      execFile(
        'bash',
        ['-euo', 'pipefail', '-c', kit + own],
        { cwd: this.#cwd, maxBuffer: 2 ** 26 },
        (error, stdout, stderr) => done({ exitCode: Number(error?.code ?? 0), output: stdout + stderr }),
      );
    });
  }

  /** Waits until the symptom is present, then executes all blocks of a section. */
  async follow(title: string, { shownBy, prints }: Symptom): Promise<void> {
    const preamble = title === 'Environment status' ? '' : this.functions;
    if (shownBy !== undefined)
      await expect
        .poll(async () => (await this.bash(`${preamble}\n${shownBy}`)).output, {
          ...{ timeout: 60_000, interval: 500 },
          message: `${shownBy} shows the symptom`,
        })
        .toMatch(prints);
    const { exitCode, output } = await this.bash(`${preamble}\n${this.blocksOf(title).join('\n')}`);
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(prints);
  }

  /** Executes commands with the functions from the page. Every command must succeed. @returns the output */
  async run(...commands: readonly string[]): Promise<string> {
    const { exitCode, output } = await this.bash([this.functions, ...commands].join('\n'));
    expect(exitCode, output).toBe(0);
    return output;
  }
}
