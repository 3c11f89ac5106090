/** Private data and processes do not outlive a kit process that is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openTemporaryDir } from '../../../infra/host/death-guard.ts';
import { identify, isAlive, type ProcessIdentity } from '../../../infra/host/process-identity.ts';
import { waitUntil } from '../../support/redis-process.ts';

const root = mkdtempSync(join(tmpdir(), 'kit-guard-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Opens a temporary folder, starts a process in it, prints the path and the process id, and waits to be killed. */
const PROGRAM = `
import { spawn } from 'node:child_process';
import { cleanUpAtDeath, openTemporaryDir } from ${JSON.stringify(join(process.cwd(), 'infra/host/death-guard.ts'))};
const { path } = openTemporaryDir(process.argv[1]);
const { pid } = spawn('sleep', ['60'], { cwd: path, detached: true, stdio: 'ignore' });
cleanUpAtDeath(path, pid);
console.log(JSON.stringify({ path, pid }));
setInterval(() => {}, 1000);`;

describe('a temporary folder', () => {
  it('is removed when its owner is killed, and the process that works in it is terminated', async () => {
    const args = ['--input-type=module', '--eval', PROGRAM, join(root, 'killed-')];
    const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const { path, pid } = JSON.parse(line.toString()) as { path: string; pid: number };
    const identity = (await identify(pid)) as ProcessIdentity;
    expect([existsSync(path), await isAlive(identity)]).toEqual([true, true]);
    owner.kill('SIGKILL');
    await waitUntil('the folder and the process to be gone', async () => {
      return !existsSync(path) && !(await isAlive(identity));
    });
  });

  it('is private, and is removed on disposal', () => {
    const temporary = openTemporaryDir(join(root, 'disposed-'));
    expect(existsSync(temporary.path)).toBe(true);
    temporary[Symbol.dispose]();
    expect(existsSync(temporary.path)).toBe(false);
  });
});
