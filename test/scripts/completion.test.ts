/** `kit completion`: the scripts complete commands, options and values in real shells. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { isInstalled } from '../../infra/host/process.ts';
import { kit, programOf } from '../../scripts/program.ts';
import { Terminal } from '../../scripts/terminal.ts';
import { recordStreams } from '../support/recorded-streams.ts';

const signal = new AbortController().signal;
const directory = mkdtempSync(join(tmpdir(), 'kit-completion-'));
afterAll(() => rmSync(directory, { recursive: true }));

const KIT_YAML = join(directory, 'kit.yaml');
const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];
const scripts = {} as Record<Shell, string>;

beforeAll(async () => {
  writeFileSync(KIT_YAML, 'environments: { shop: { extends: dev } }\n');
  writeFileSync(join(directory, 'run notes.txt'), '');
  for (const shell of SHELLS) {
    const streams = recordStreams();
    expect(await kit(['completion', shell, '--config', KIT_YAML], streams, signal)).toBe(EXIT.GO);
    scripts[shell] = join(directory, `kit.${shell}`);
    writeFileSync(scripts[shell], streams.out());
  }
});

const DRIVERS: Readonly<Record<Shell, (script: string, words: readonly string[]) => string>> = {
  bash: (script, words) =>
    `source '${script}'; complete -p kit >/dev/null || exit 1; COMP_WORDS=(${quoteAll(words)}); COMP_CWORD=${words.length - 1}; _kit; printf '%s\n' "\${COMPREPLY[@]}"`,
  zsh: (script, words) =>
    `compdef() { :; }; _describe() { for e in "\${(@P)argv[-1]}"; do [[ $e == $words[CURRENT]* ]] && print -r -- "\${e%%:*}"; done; true }; _files() { print -rl -- $words[CURRENT]*(N); }; source '${script}'; words=(${quoteAll(words)}); CURRENT=${words.length}; _kit`,
  fish: (script, words) => `source '${script}'; complete -C '${words.join(' ')}'`,
};
const FLAGS: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['--norc', '--noprofile'],
  zsh: ['-f'],
  fish: ['--no-config'],
};

function quoteAll(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(' ');
}

/** Words that the shell suggests, without their descriptions. */
function complete(shell: Shell, ...words: string[]): readonly string[] {
  const driver = DRIVERS[shell](scripts[shell], words);
  const out = execFileSync(shell, [...FLAGS[shell], '-c', driver], { cwd: directory, encoding: 'utf8' });
  return out
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')
    .filter((word) => word !== '')
    .sort();
}

describe.each(SHELLS)('in %s', (shell) => {
  const isHere = isInstalled(shell);
  const given = (title: string) => (isHere ? title : `${title} [skipped: ${shell} is not installed]`);

  it.runIf(isHere)(given('completes commands and subcommands'), () => {
    expect(complete(shell, 'kit', 'dri')).toEqual(['drift', 'drill']);
    expect(complete(shell, 'kit', 'bundle', '')).toEqual(['load', 'save']);
  });

  it.runIf(isHere)(given('completes the options of the command, but not those of another command'), () => {
    expect(complete(shell, 'kit', 'drill', '--mi')).toEqual(['--minutes']);
    expect(complete(shell, 'kit', 'bundle', 'load', '--e')).toEqual([]);
    expect(complete(shell, 'kit', 'load', '--e')).toEqual(['--env']);
  });

  it.runIf(isHere)(
    given('completes drills, choices, and both built-in environments and environments from kit.yaml'),
    () => {
      expect(complete(shell, 'kit', 'drill', 'master-')).toEqual(['master-crash', 'master-hang']);
      expect(complete(shell, 'kit', 'up', '--substrate', '')).toEqual(['docker', 'local']);
      expect(complete(shell, 'kit', 'drill', '--env', 's')).toEqual(['shop', 'single', 'staging']);
      expect(complete(shell, 'kit', 'up', '--seed', '')).toEqual([]);
    },
  );
});

it('bash completes --option=value, and file names with spaces as one word', () => {
  expect(complete('bash', 'kit', 'up', '--env', '=', 'sh')).toEqual(['shop']);
  expect(complete('bash', 'kit', 'up', '--env', '=')).toContain('shop');
  expect(complete('bash', 'kit', 'restore', 'run')).toEqual(['run notes.txt']);
});

it('every command and all of its options are completed', async () => {
  const streams = recordStreams();
  const terminal = new Terminal(streams, { quiet: false });
  const program = await programOf({ args: [], json: false, terminal, signal, exitCode: EXIT.GO });
  const walk = (command: Command, path: readonly string[]): readonly (readonly string[])[] => [
    [...path, command.name()],
    ...command.commands.flatMap((each) => walk(each, [...path, command.name()])),
  ];
  const lines = walk(program, []).map((path) => {
    const at = path
      .slice(1)
      .reduce((of, name) => of.commands.find((each) => each.name() === name) ?? of, program);
    return { path, options: at.options.map(({ long }) => long ?? '').filter((long) => long !== '--version') };
  });
  // One shell completes all commands, because starting a shell takes 5 ms and there are 40 commands.
  const driver = lines
    .map(
      ({ path }) =>
        `COMP_WORDS=(${quoteAll(path)} --); COMP_CWORD=${path.length}; _kit; echo "\${COMPREPLY[*]}"`,
    )
    .join('\n');
  const text = `source '${scripts.bash}'\n${driver}`;
  const out = execFileSync('bash', ['--norc', '--noprofile', '-c', text], { encoding: 'utf8' }).split('\n');
  const missing = lines.flatMap(({ path, options }, index) => {
    const offered = (out[index] ?? '').split(' ');
    return options.filter((option) => !offered.includes(option)).map((option) => [...path, option].join(' '));
  });
  expect(lines.length).toBeGreaterThan(30);
  expect(missing).toEqual([]);
});

it('an unknown shell causes one error that lists the supported shells', async () => {
  const streams = recordStreams();
  expect(await kit(['completion', 'tcsh'], streams, signal)).toBe(EXIT.USAGE);
  expect(streams.err()).toMatch(/'tcsh' is invalid .*bash, zsh, fish/);
});
