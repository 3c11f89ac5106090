import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  awaitState,
  endProcess,
  identify,
  isAlive,
  ownProcess,
  type ProcessIdentity,
  parseProcStat,
  parsePs,
  signalProcess,
  stateOf,
} from '../../../infra/host/process-identity.ts';

describe('the identity of a process', () => {
  it('distinguishes a process from a later one with the same pid', async () => {
    const own = await ownProcess();
    expect(await isAlive(own)).toBe(true);
    const earlier: ProcessIdentity = { pid: own.pid, start: '1@another' };
    expect(await stateOf(earlier)).toBe('gone');
    expect(await signalProcess(earlier, 'SIGKILL')).toBe(false);
  });

  it('is undefined for an unused pid', async () => {
    expect(await identify(2 ** 22 + 1)).toBeUndefined();
  });

  it('is parsed even if the program name contains spaces and parentheses', () => {
    const rest = Array.from({ length: 18 }, (_, i) => i).join(' ');
    expect(parseProcStat(`42 (a b) c) S ${rest} 777 0 0`, 'boot')).toEqual({
      start: '777@boot',
      state: 'running',
    });
    expect(parseProcStat(`42 (x) T ${rest} 777 0`, 'boot')?.state).toBe('stopped');
    expect(parseProcStat(`42 (x) Z ${rest} 777 0`, 'boot')?.state).toBe('gone');
    expect(parseProcStat('garbage', 'boot')).toBeUndefined();
  });

  it('is read from ps if there is no /proc', () => {
    expect(parsePs('Ss   Mon Jan  5 10:00:00 2026\n')).toEqual({
      start: 'Mon Jan  5 10:00:00 2026',
      state: 'running',
    });
    expect(parsePs('T+ Mon Jan  5 10:00:00 2026')?.state).toBe('stopped');
    expect(parsePs('')).toBeUndefined();
  });
});

it('a terminated process that has not been reaped (a zombie) counts as gone', async () => {
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (text) => resolve(Number(text))),
    );
    const exists = () => process.kill(pid, 0);
    await expect.poll(() => identify(pid), { timeout: 10_000 }).toBeUndefined();
    expect(exists()).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});

describe('process identity without /proc', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('does not depend on the locale or the time zone', async () => {
    await onDarwin(async () => {
      const before = await identify(process.pid);
      expect(before?.start).toMatch(/20\d\d$/);
      vi.stubEnv('TZ', 'Asia/Tokyo');
      vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
      expect(await identify(process.pid)).toEqual(before);
    });
  });

  it('counts a process as running, and does not signal it, if ps is not installed', async () => {
    const own = await ownProcess();
    await onDarwin(async () => {
      vi.stubEnv('PATH', '/nowhere');
      expect(await identify(process.pid)).toEqual({ pid: process.pid, start: 'unknown' });
      expect(await isAlive(own)).toBe(true);
      expect(await signalProcess(own, 'SIGCONT')).toBe(false);
      expect(await isAlive({ ...own, pid: 2 ** 22 + 1 })).toBe(false);
    });
  });
});

describe('ending a process', () => {
  it('resumes a stopped process so that it can exit by itself', async () => {
    const identity = await started(`process.on('SIGTERM', () => process.exit(0))`);
    process.kill(identity.pid, 'SIGSTOP');
    expect(await awaitState(identity, 'stopped', 2_000)).toBe(true);
    expect(await endProcess(identity, 5_000)).toBe(true);
    expect(await endProcess(identity, 0)).toBe(false);
  });

  it('kills a process that does not exit within the grace period', async () => {
    const identity = await started(`process.on('SIGTERM', () => {})`);
    expect(await endProcess(identity, 50)).toBe(true);
    expect(await isAlive(identity)).toBe(false);
  });
});

async function started(script: string): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000); console.log('up')`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return (await identify(child.pid as number)) as ProcessIdentity;
}

async function onDarwin(test: () => Promise<void>): Promise<void> {
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'darwin' });
  try {
    await test();
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
  }
}
