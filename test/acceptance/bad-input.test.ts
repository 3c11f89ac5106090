/**
 * Invalid input leads to one clear error and the right exit code. No process keeps running, and no evidence is left
 * that could pass later.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT, type ExitCode } from '../../config/errors.ts';
import { CliHarness, type CommandResult } from '../support/cli-harness.ts';

let cli: CliHarness;
beforeEach(() => {
  cli = new CliHarness();
});
afterEach(() => cli[Symbol.asyncDispose]());

/** True if every user may enter the directory and all directories above it. */
function isOpenToOthers(directory: string): boolean {
  const isOpen = (statSync(directory).mode & 0o001) !== 0;
  return isOpen && (directory === dirname(directory) || isOpenToOthers(dirname(directory)));
}

/** Expects the command to print one error, once as text and once as JSON, and to leave nothing behind. */
async function refused(
  args: readonly string[],
  expected: {
    readonly exitCode: ExitCode;
    readonly code: string;
    readonly says: readonly (string | RegExp)[];
  },
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const told = await cli.start(args, { env }).waitForExit();
  expect(told.exitCode, told.err).toBe(expected.exitCode);
  expect(told.out).toBe('');
  expect(told.err.match(/^kit: /gm), told.err).toHaveLength(1);
  expect(told.err).not.toMatch(/^\s+at /m);
  for (const what of expected.says) expect(told.err).toMatch(what);
  const { exitCode, out, err } = await cli.start([...args, '--json'], { env }).waitForExit();
  expect({ exitCode, err }).toEqual({ exitCode: expected.exitCode, err: '' });
  expect(JSON.parse(out)).toMatchObject({
    error: { code: expected.code, message: expect.any(String), hint: expect.any(String) },
  });
  await cli.expectNothingLeft(0);
}

describe('an invalid configuration makes the command exit with 2 before anything is started', () => {
  it('rejects an unknown environment', async () => {
    await refused(['readiness', '--env', 'prodction'], {
      exitCode: EXIT.USAGE,
      code: 'ENVIRONMENT_UNKNOWN',
      says: [/'prodction' is not an environment/, /did you mean '?production/],
    });
    expect(existsSync(join(cli.path, 'runs'))).toBe(false);
  });

  it('rejects a missing file', async () => {
    await refused(['up', '--env', './mine.yaml'], {
      exitCode: EXIT.USAGE,
      code: 'CONFIG_UNREADABLE',
      says: [/mine\.yaml/],
    });
  });

  it('rejects a coverage summary that is not a regular file, before the run starts', async () => {
    const fifo = join(cli.path, 'summary');
    execFileSync('mkfifo', [fifo]);
    await refused(['readiness', '--coverage', fifo], {
      exitCode: EXIT.USAGE,
      code: 'INPUT_NOT_FOUND',
      says: [/not a regular file/, /summary/],
    });
    await refused(['readiness', '--coverage', join(cli.path, 'nothing')], {
      exitCode: EXIT.USAGE,
      code: 'INPUT_NOT_FOUND',
      says: [/no such file/],
    });
    expect(existsSync(join(cli.path, 'runs'))).toBe(false);
  });

  it('rejects broken YAML', async () => {
    const file = cli.writeFile('broken.yaml', 'name: broken\ntopology:\n  kind: [sentinel\nredis: {}\n');
    await refused(['readiness', '--env', file], {
      exitCode: EXIT.USAGE,
      code: 'CONFIG_SYNTAX',
      says: [/broken\.yaml:\d+/],
    });
    expect(existsSync(join(cli.path, 'runs'))).toBe(false);
  });

  it('rejects a quorum above the number of sentinels', async () => {
    const file = cli.writeEnvironment('too-many', { 'topology.quorum': 4 });
    await refused(['drill', 'hit-miss', '--env', file], {
      exitCode: EXIT.USAGE,
      code: 'CONFIG_INVALID',
      says: [
        /too-many\.yaml:\d+: topology\.quorum/,
        /must be from 1 to the number of sentinels \(3\), got '4'/,
      ],
    });
    expect(existsSync(join(cli.path, 'runs'))).toBe(false);
  });
});

describe('kit on a machine that cannot run the environment', () => {
  it('reports a port that is in use on all addresses', async () => {
    await using stranger = await listenOnAllAddresses();
    const file = cli.writeEnvironment('port', { 'redis.port': stranger.port, 'sentinel.port': 26_390 });
    await refused(['up', '--env', file], {
      exitCode: EXIT.UNKNOWN,
      code: 'ADDRESS_IN_USE',
      says: [new RegExp(`${stranger.port} is in use by another program`), /ss -ltnp/],
    });
  });

  it('reports a redis-server that is too old', async () => {
    const bin = join(cli.path, 'bin');
    mkdirSync(bin);
    const old = join(bin, 'redis-server');
    writeFileSync(old, '#!/bin/sh\necho "Redis server v=6.2.0 sha=00000000:0 malloc=libc bits=64 build=0"\n');
    chmodSync(old, 0o755);
    const env = { PATH: [bin, process.env.PATH].join(delimiter) };
    const says = [/is Redis 6\.2\.0; needed: Redis 7\.0 or newer, or Valkey 8\.0 or newer/, new RegExp(old)];
    const expected = { exitCode: EXIT.UNKNOWN, code: 'REDIS_TOO_OLD', says };
    await refused(['up'], expected, env);
    const run = await cli.start(['readiness', '--out', 'run'], { env }).waitForExit();
    expect(run.exitCode).toBe(EXIT.UNKNOWN);
    await neverPasses('run');
  });

  it('reports a TMPDIR that is a file and not a directory', async () => {
    const env = { TMPDIR: cli.writeFile('no-directory', '') };
    await refused(
      ['up'],
      {
        exitCode: EXIT.UNKNOWN,
        code: 'TMPDIR_UNUSABLE',
        says: [/no-directory must be a directory/, /set TMPDIR to a directory/],
      },
      env,
    );
    const { exitCode, out } = await cli.start(['doctor'], { env }).waitForExit();
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/fail {2}temporary-directory .*no-directory must be a directory/);
  });

  it.runIf(userInfo().uid === 0 && [process.cwd(), tmpdir()].every(isOpenToOthers))(
    'reports that an environment belongs to another user instead of reporting it as absent (needs root, and folders that others may enter)',
    async () => {
      await cli.runKit('up', '--env', 'single');
      const state = join(cli.path, '.kit');
      chownSync(join(state, 'environments'), 4711, 4711);
      chmodSync(cli.path, 0o755);
      chownSync(state, 4712, 4712);
      for (const args of [
        ['status', '--env', 'single'],
        ['recover', '--env', 'single'],
      ]) {
        const { exitCode, out } = await cli.start([...args, '--json'], { uid: 4712 }).waitForExit();
        expect(exitCode).toBe(EXIT.UNKNOWN);
        expect(JSON.parse(out)).toMatchObject({
          error: { code: 'STATE_UNREADABLE', hint: expect.stringContaining('the owner of') },
        });
      }
      const doctor = await cli.start(['doctor'], { uid: 4712 }).waitForExit();
      expect(doctor).toMatchObject({ exitCode: EXIT.NO_GO, err: '' });
      expect(doctor.out).toMatch(/fail {2}environments +\S+environments cannot be read \(EACCES\)/);
    },
  );

  describe.runIf(userInfo().uid === 0)('a full disk (needs root, to mount a small one)', () => {
    it('a read-only state directory is reported as a user error, not as a defect of the kit', async () => {
      await using disk = mountDisk('.kit', '2m', 'ro');
      expect(disk.path).toContain(cli.path);
      for (const args of [['up'], ['drill', 'hit-miss']]) {
        await refused(args, {
          exitCode: EXIT.UNKNOWN,
          code: 'STATE_UNWRITABLE',
          says: [/cannot write here/, /make the state directory writable/],
        });
      }
    });

    it('a read-only state directory makes kit doctor exit with 1', async () => {
      await using disk = mountDisk('.kit', '2m', 'ro');
      expect(disk.path).toContain(cli.path);
      const { exitCode, out, err } = await cli.runKit('doctor');
      expect({ exitCode, err }).toEqual({ exitCode: EXIT.NO_GO, err: '' });
      expect(out).toMatch(
        /fail {2}state-directory +.*\.kit is not writable \(EROFS\)\n +fix: .*KIT_STATE_DIR/,
      );
    });

    it('no environment starts if the disk with the state directory is full', async () => {
      await using disk = mountDisk('.kit', '2m');
      expect(disk.path).toContain(cli.path);
      await refused(['up'], { exitCode: EXIT.UNKNOWN, code: 'DISK_FULL', says: [/MB free/] });
    });

    it('no run starts if the disk with the state directory becomes full later, and kit down still works', async () => {
      await using disk = mountDisk('.kit', '80m');
      expect((await cli.runKit('up')).exitCode).toBe(EXIT.GO);
      fillDisk(disk.path);
      const { exitCode, err } = await cli.runKit('drill', 'hit-miss', 'zipf-100', '--out', 'run');
      expect(exitCode, err).toBe(EXIT.UNKNOWN);
      expect(err).toMatch(/no space left|MB free/i);
      const down = await cli.runKit('down');
      expect(down).toMatchObject({
        exitCode: EXIT.GO,
        out: expect.stringContaining('stopped redis-1'),
        err: '',
      });
      await cli.expectNothingLeft(0);
      await neverPasses('run');
    });

    it('a full disk is reported even for the first evidence file', async () => {
      await using disk = mountDisk('out', '16k');
      const run = await cli.runKit('drill', 'hit-miss', '--out', join(disk.path, 'run'));
      notWritten(run);
      await cli.expectNothingLeft(0);
      await neverPasses(join(disk.path, 'run'));
    });

    it('a full disk is reported while the histories are being written as evidence', async () => {
      await using disk = mountDisk('out', '160k');
      const run = await cli.runKit('drill', 'zipf-100', 'steady', '--out', join(disk.path, 'run'));
      notWritten(run);
      await cli.expectNothingLeft(0);
      await neverPasses(join(disk.path, 'run'));
    });
  });
});

function notWritten({ exitCode, out, err }: CommandResult): void {
  expect(exitCode, out + err).toBe(EXIT.UNKNOWN);
  expect(out).not.toMatch(/^GO /);
  expect(err.match(/^kit: /gm), err).toHaveLength(1);
  expect(err).toMatch(/no space left on the disk/);
  expect(err).not.toMatch(/^\s+at /m);
}

async function neverPasses(folder: string): Promise<void> {
  const { exitCode, out } = await cli.runKit('analyze', folder, '--json');
  expect(exitCode).toBe(EXIT.UNKNOWN);
  expect(JSON.parse(out)).not.toMatchObject({ verdict: { decision: 'GO' } });
}

function mountDisk(
  name: string,
  size: string,
  access: 'rw' | 'ro' = 'rw',
): AsyncDisposable & { readonly path: string } {
  const path = join(cli.path, name);
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `${access},size=${size}`, 'tmpfs', path]);
  return { path, [Symbol.asyncDispose]: async () => void execFileSync('umount', ['--lazy', path]) };
}

/** Writes until the disk is full. Throws if the path is not on the small disk that the test mounted. */
function fillDisk(path: string): void {
  if (statSync(path).dev === statSync(cli.path).dev) throw new Error(`${path} is not a separate disk`);
  const file = openSync(join(path, 'fill'), 'w');
  try {
    for (const bytes of [1 << 20, 1 << 12, 1]) {
      const piece = Buffer.alloc(bytes);
      const full = () => {
        try {
          return writeSync(file, piece) < bytes;
        } catch {
          return true;
        }
      };
      while (!full());
    }
  } finally {
    closeSync(file);
  }
}

async function listenOnAllAddresses(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '0.0.0.0', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
