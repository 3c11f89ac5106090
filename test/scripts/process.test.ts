/**
 * The command as a process: signals, closed pipes and remaining processes, on a real environment in a separate folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { findOrInstallNode } from '../support/npm.ts';
import { waitUntil } from '../support/redis-process.ts';

const KIT = resolve('scripts/kit.ts');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kit-process-'));
});

afterEach(async () => {
  await waitForExit(start('down'));
  await rm(directory, { recursive: true, force: true });
});

function start(...args: string[]): ChildProcess & { out: Promise<string>; err: Promise<string> } {
  const child = spawn(process.execPath, [KIT, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return Object.assign(child, { out: text(child.stdout), err: text(child.stderr) });
}

async function waitForExit(child: ReturnType<typeof start>) {
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return { exitCode, out: await child.out, err: await child.err };
}

describe('kit up, status, down', () => {
  it('start an environment that outlives the command, show it, and stop it', async () => {
    expect(await waitForExit(start('up'))).toMatchObject({ exitCode: EXIT.GO });
    const status = await waitForExit(start('status', '--json'));
    expect(status.exitCode).toBe(EXIT.GO);
    expect(JSON.parse(status.out)).toMatchObject({ environment: 'dev', healthy: true, master: 'redis-1' });
    expect((await waitForExit(start('down'))).out).toContain('stopped redis-1');
    const without = await waitForExit(start('status'));
    expect(without.exitCode).toBe(EXIT.NO_GO);
    expect(without.out).toMatch(/^dev: not running\n/);
  });
});

describe('Ctrl-C', () => {
  it('stops the started processes and exits with 130, even if npm sends the signal twice', async () => {
    const child = start('up');
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    child.kill('SIGINT');
    const { exitCode, err } = await waitForExit(child);
    expect(exitCode).toBe(EXIT.INTERRUPTED);
    expect(err).toContain('interrupted');
    expect((await waitForExit(start('status'))).out).toMatch(/^dev: not running\n/);
    expect((await waitForExit(start('down'))).out).toBe('dev: nothing to stop\n');
  });
});

describe('a closed pipe', () => {
  it('ends the command without an error message', async () => {
    const child = spawn('sh', ['-c', `"${process.execPath}" "${KIT}" drill --list | head -n 1`], {
      cwd: directory,
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(out.split('\n')).toHaveLength(2);
    expect(err).toBe('');
  });
});

describe('Ctrl-C after kit up has started everything', () => {
  it('leaves the environment running, and reports this', async () => {
    const child = start('up');
    const ledger = join(directory, '.kit/environments/dev/ledger.json');
    await waitUntil('the environment to be kept', () => readOptional(ledger).includes('"phase": "running"'));
    child.kill('SIGINT');
    const { exitCode, err } = await waitForExit(child);
    // The command may have completed just before the signal.
    if (exitCode !== EXIT.GO) {
      expect(exitCode, err).toBe(EXIT.INTERRUPTED);
      expect(err).toContain("interrupted; 'dev' keeps running");
      expect(err).toContain('kit down --env dev stops it');
    }
    expect(err).not.toContain('ending what was started');
    expect((await waitForExit(start('status'))).exitCode).toBe(EXIT.GO);
  });
});

describe('standard output on a full disk', () => {
  const onFullDisk = async (...args: string[]) => {
    const words = [process.execPath, KIT, ...args].map((word) => `"${word}"`).join(' ');
    const child = spawn('sh', ['-c', `${words} > /dev/full`], { cwd: directory });
    const err = text(child.stderr);
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    return { exitCode, err: await err };
  };

  it('causes a one-line error, and an exit code of 0 becomes "not known"', async () => {
    const { exitCode, err } = await onFullDisk('drill', '--list');
    expect(err).toMatch(/^kit: cannot write the result to standard output: ENOSPC[^\n]*\n$/);
    expect(exitCode).toBe(EXIT.UNKNOWN);
  });

  it('leaves the exit code of a no-go unchanged', async () => {
    const file = join(directory, 'bad.conf');
    writeFileSync(file, 'maxmemory-policy no-such-policy\n');
    const { exitCode, err } = await onFullDisk('conf', 'lint', file);
    expect(err).toMatch(/^kit: cannot write the result to standard output: ENOSPC/);
    expect(exitCode).toBe(EXIT.NO_GO);
  });
});

const tooOld = await findOrInstallNode('20.19.0');

describe('a Node.js version that is too old for TypeScript', () => {
  const title = 'results in an error that names the required version';
  const missing = typeof tooOld === 'string' ? undefined : tooOld.missing;
  it.runIf(missing === undefined)(
    missing === undefined ? title : `${title} [skipped: ${missing}]`,
    async () => {
      const child = spawn(String(tooOld), [KIT, 'status'], { cwd: directory });
      const err = text(child.stderr);
      const [exitCode] = (await once(child, 'exit')) as [number | null];
      expect(exitCode).toBe(EXIT.USAGE);
      expect(await err).toMatch(/^kit: requires Node 24\.0 or newer, got 20\.19\.0\n {2}fix .*npm run kit/);
    },
  );
});

function readOptional(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
