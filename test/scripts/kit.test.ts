/**
 * Parts of the command line that start no run: help, usage errors, and output for programs. The command runs in this
 * process with separate streams.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { kit, programOf } from '../../scripts/program.ts';
import { Terminal } from '../../scripts/terminal.ts';
import { recordStreams } from '../support/recorded-streams.ts';

const signal = new AbortController().signal;
const dir = mkdtempSync(join(tmpdir(), 'kit-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));
const VERBS = [
  'readiness',
  'up',
  'down',
  'status',
  'recover',
  'apply',
  'switchover',
  'incident',
  'backup',
  'restore',
  'rotate',
  'drill',
  'load',
  'analyze',
  'verify',
  'compare',
  'attest',
  'cache-stats',
  'cache-clear',
  'cache-inspect',
  'warm',
  'top',
  'sizing',
  'savings',
  'canary-status',
  'canary-adjust',
  'conf',
  'images',
  'bundle',
  'drift',
  'doctor',
  'init',
  'completion',
];

async function call(...args: string[]) {
  const streams = recordStreams();
  const exitCode = await kit(args, streams, signal);
  return { exitCode, out: streams.out(), err: streams.err() };
}

describe('help', () => {
  it('lists every command and the exit codes on stdout', async () => {
    const { exitCode, out, err } = await call('--help');
    expect(exitCode).toBe(EXIT.GO);
    for (const verb of VERBS) expect(out).toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'));
    for (const code of Object.values(EXIT)) expect(out).toMatch(new RegExp(`^ {2}${code} `, 'm'));
    expect(err).toBe('');
  });

  it('contains parsable examples for every command', async () => {
    const program = await programOf({
      args: [],
      json: false,
      terminal: new Terminal(recordStreams(), { quiet: false }),
      signal,
      exitCode: 0,
    });
    const leaves = (command: Command): readonly Command[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
    const paths = leaves(program).map((command) => pathOf(command));
    expect([...new Set(paths.map(([verb]) => verb))]).toEqual(VERBS);
    for (const path of paths) {
      const { exitCode, out } = await call(...path, '--help');
      expect(exitCode).toBe(EXIT.GO);
      expect(out, path.join(' ')).toMatch(/\nExamples:\n {2}kit /);
      for (const [, flag] of out.slice(out.indexOf('Examples:')).matchAll(/ (--[a-z-]+)/g)) {
        expect(out.slice(0, out.indexOf('Examples:')), path.join(' ')).toContain(flag);
      }
    }
  });

  it('is printed to stderr as a usage error if there is no command', async () => {
    const { exitCode, out, err } = await call();
    expect(exitCode).toBe(EXIT.USAGE);
    expect(out).toBe('');
    expect(err).toContain('Usage: kit <command> [options]');
    expect((await call('conf')).exitCode).toBe(EXIT.USAGE);
  });

  it('prints the version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await call('--version')).toEqual({ exitCode: EXIT.GO, out: `${version}\n`, err: '' });
  });
});

describe('an invalid command line', () => {
  it('exits with 2 and one line that suggests the nearest command', async () => {
    const { exitCode, out, err } = await call('vrify');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(out).toBe('');
    expect(err).toBe("kit: unknown command 'vrify'\n  fix      did you mean verify? See kit --help\n");
  });

  it.each([
    [['readiness', '--seed', 'x'], "'x' is invalid. Must be an integer of at least 0."],
    [['readiness', '--profile', 'slow'], 'Allowed choices are quick, full, capacity, canary, rehearsal.'],
    [['readiness', '--substrate', 'cloud'], 'Allowed choices are local, docker, external.'],
    // the previous name of `external`
    [['readiness', '--substrate', 'attached', '--url', 'nowhere'], "must be a Redis URL, got 'nowhere'"],
    [['drill', '--trials', '0'], 'Must be an integer of at least 1.'],
    [['readiness', '--retries', '11'], 'Must be an integer from 0 to 10.'],
    [['up', '--set', 'quorum'], 'Must be path=value'],
    [['up', '--fast'], "unknown option '--fast'"],
    [['verify'], "missing required argument 'dir'"],
    [['status', 'dev'], 'too many arguments'],
    [['status', '--env', 'prod'], "'prod' is not an environment"],
    [['drill', 'master-crush'], "unknown drill 'master-crush'"],
    [['conf', 'lint', 'no-such.conf'], 'cannot be read'],
  ])('%j exits with 2 and lists the allowed values', async (args, message) => {
    const { exitCode, out, err } = await call(...args);
    expect(exitCode).toBe(EXIT.USAGE);
    expect(out).toBe('');
    expect(err).toContain(message);
    expect(err).not.toContain('    at ');
  });
});

describe('output with --json', () => {
  it('is one JSON value on stdout for an error, with nothing on stderr', async () => {
    const { exitCode, out, err } = await call('status', '--env', 'prod', '--json');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'ENVIRONMENT_UNKNOWN' } });
    expect(err).toBe('');
    expect(JSON.parse((await call('vrify', '--json')).out)).toMatchObject({ error: { code: 'USAGE' } });
  });

  it('contains the catalogue of drills', async () => {
    const drills = JSON.parse((await call('drill', '--list', '--json')).out) as { id: string }[];
    expect(drills.map(({ id }) => id)).toContain('master-crash');
  });
});

describe('kit drill --list', () => {
  it('lists the criteria, within the width of the terminal', async () => {
    const streams = recordStreams({ columns: 60 });
    expect(await kit(['drill', '--list'], streams, signal)).toBe(EXIT.GO);
    expect(streams.out()).toMatch(/^ {2}master-crash: /m);
    expect(streams.out()).toContain('Must hold: ');
    const indented = streams
      .out()
      .split('\n')
      .filter((line) => line.startsWith('    '));
    expect(Math.max(...indented.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe('kit conf lint', () => {
  it('accepts the files of the kit, and reports the errors of an invalid file', async () => {
    for (const file of ['redis-production.conf', 'sentinel.conf']) {
      expect((await call('conf', 'lint', file)).exitCode, file).toBe(EXIT.GO);
    }
  });

  it('prints the file, the line and the remedy of an error, and exits with 1', async () => {
    const file = 'test/scripts/bad.conf';
    const { exitCode, out } = await call('conf', 'lint', file);
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(new RegExp(`^${file}:\\d+: error: .+\\n {4}fix {5}\\S`, 'm'));
    const { findings } = JSON.parse((await call('conf', 'lint', file, '--json')).out) as {
      findings: { severity: string }[];
    };
    expect(findings.some(({ severity }) => severity === 'error')).toBe(true);
  });

  const refused = async (text: string, ...options: string[]) => {
    const file = join(mkdtempSync(join(dir, 'conf-')), 'a.conf');
    writeFileSync(file, text);
    const { findings } = JSON.parse((await call('conf', 'lint', file, '--json', ...options)).out) as {
      findings: { refusesStart: boolean }[];
    };
    return findings.some(({ refusesStart }) => refusesStart);
  };

  it('checks for a given version, family or major version, or for the version of a program', async () => {
    const text = 'loglevel nothing\n';
    expect(await refused(text, '--server', 'redis@7.0')).toBe(true);
    expect(await refused(text, '--redis-version', '7.0.15')).toBe(true);
    expect(await refused(text, '--server', 'redis@7.2')).toBe(false);
    expect(await refused(text, '--server', 'valkey')).toBe(false);
    expect(await refused('primaryauth x\n', '--server', 'valkey@8')).toBe(false);
    expect(await refused('primaryauth x\n', '--server', 'redis-server')).toBe(true);
  });

  it.each([
    ['redis@5', 'Must be a version such as redis@7.0'],
    ['mysql@8', 'Must be a version such as redis@7.0'],
    ['./no-such-server', 'cannot be executed'],
    ['/bin/true', 'does not report a version'],
  ])('rejects the server %s', async (server, message) => {
    const { exitCode, err } = await call('conf', 'lint', 'sentinel.conf', '--server', server);
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toContain(message);
  });

  it('rejects a file early if it is not a configuration, and reads at most 8 MiB', async () => {
    const program = await call('conf', 'lint', process.execPath);
    expect(program.exitCode).toBe(EXIT.NO_GO);
    expect(program.out).toMatch(/: error: not a text file/);
    expect(program.out.split('\n').length).toBeLessThan(10);
    const file = join(dir, 'large.conf');
    writeFileSync(file, '# comment\n'.repeat(900_000));
    const large = await call('conf', 'lint', file);
    expect(large.exitCode).toBe(EXIT.USAGE);
    expect(large.err).toContain('must be a configuration file of at most 8388608 bytes');
    expect((await call('conf', 'lint', dir)).err).toContain('cannot be read');
  });
});

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}
