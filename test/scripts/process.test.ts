/** The command as a process: signals, closed pipes, what is left. On a real environment in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';

const KIT = resolve('scripts/kit.ts');
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kit-process-'));
});

afterEach(async () => {
  await ended(start('down'));
  await rm(directory, { recursive: true, force: true });
});

function start(...args: string[]): ChildProcess & { out: Promise<string>; err: Promise<string> } {
  const child = spawn(process.execPath, [KIT, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return Object.assign(child, { out: text(child.stdout), err: text(child.stderr) });
}

async function ended(child: ReturnType<typeof start>) {
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return { exitCode, out: await child.out, err: await child.err };
}

describe('kit up, status, down', () => {
  it('start an environment that outlives the command, show it, and end it', async () => {
    expect(await ended(start('up'))).toMatchObject({ exitCode: EXIT.GO });
    const status = await ended(start('status', '--json'));
    expect(status.exitCode).toBe(EXIT.GO);
    expect(JSON.parse(status.out)).toMatchObject({ environment: 'dev', healthy: true, master: 'redis-1' });
    expect((await ended(start('down'))).out).toContain('ended redis-1');
    expect(await ended(start('status'))).toMatchObject({ exitCode: EXIT.NO_GO, out: 'dev: not running\n' });
  });
});

describe('Ctrl-C', () => {
  it('ends what was started and exits 130, also when npm passes the signal on a second time', async () => {
    const child = start('up');
    await once(child.stderr as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    child.kill('SIGINT');
    const { exitCode, err } = await ended(child);
    expect(exitCode).toBe(EXIT.INTERRUPTED);
    expect(err).toContain('interrupted');
    expect((await ended(start('status'))).out).toBe('dev: not running\n');
    expect((await ended(start('down'))).out).toBe('dev: nothing to end\n');
  });
});

describe('a closed pipe', () => {
  it('ends quietly', async () => {
    const child = spawn('sh', ['-c', `"${process.execPath}" "${KIT}" drill --list | head -n 1`], {
      cwd: directory,
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(out.split('\n')).toHaveLength(2);
    expect(err).toBe('');
  });
});
