import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
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
} from '../../../infra/local/identity.ts';

describe('the identity of a process', () => {
  it('tells a process from another that got its pid later', async () => {
    const own = await ownProcess();
    expect(await isAlive(own)).toBe(true);
    const earlier: ProcessIdentity = { pid: own.pid, start: '1@another' };
    expect(await stateOf(earlier)).toBe('gone');
    expect(await signalProcess(earlier, 'SIGKILL')).toBe(false);
  });

  it('is none for a pid that nobody has', async () => {
    expect(await identify(2 ** 22 + 1)).toBeUndefined();
  });

  it('is read past names with spaces and parentheses', () => {
    const rest = Array.from({ length: 18 }, (_, i) => i).join(' ');
    expect(parseProcStat(`42 (a b) c) S ${rest} 777 0 0`, 'boot')).toEqual({
      start: '777@boot',
      state: 'running',
    });
    expect(parseProcStat(`42 (x) T ${rest} 777 0`, 'boot')?.state).toBe('stopped');
    expect(parseProcStat(`42 (x) Z ${rest} 777 0`, 'boot')?.state).toBe('gone');
    expect(parseProcStat('garbage', 'boot')).toBeUndefined();
  });

  it('is read from ps where there is no /proc', () => {
    expect(parsePs('Ss   Mon Jan  5 10:00:00 2026\n')).toEqual({
      start: 'Mon Jan  5 10:00:00 2026',
      state: 'running',
    });
    expect(parsePs('T+ Mon Jan  5 10:00:00 2026')?.state).toBe('stopped');
    expect(parsePs('')).toBeUndefined();
  });
});

describe('ending a process', () => {
  it('continues a stopped one so that it can end by itself', async () => {
    const identity = await started(`process.on('SIGTERM', () => process.exit(0))`);
    process.kill(identity.pid, 'SIGSTOP');
    expect(await awaitState(identity, 'stopped', 2_000)).toBe(true);
    expect(await endProcess(identity, 5_000)).toBe(true);
    expect(await endProcess(identity, 0)).toBe(false);
  });

  it('kills one that does not follow within the grace', async () => {
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
