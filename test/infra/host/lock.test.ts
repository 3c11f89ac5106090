import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../infra/host/lock.ts';
import { ownProcess } from '../../../infra/host/process-identity.ts';
import { type StateDir, temporaryStateDir } from '../substrates/local/fixtures.ts';

describe('a lock', () => {
  let state: StateDir;
  let path: string;
  const options = { what: 'the thing', timeoutMs: 30_000 };
  const dead = JSON.stringify({ pid: process.pid, start: '1@another' });

  beforeEach(() => {
    state = temporaryStateDir();
    path = join(state.path, 'lock');
  });
  afterEach(() => state[Symbol.dispose]());

  /** Acquires the lock many times concurrently, and checks that there is one holder at a time. */
  async function expectOneHolder(attempts: number): Promise<void> {
    let holders = 0;
    await Promise.all(
      Array.from({ length: attempts }, async () => {
        using _lock = await acquireLock(path, options);
        holders += 1;
        await new Promise((resolve) => setTimeout(resolve, 2));
        expect(holders).toBe(1);
        holders -= 1;
      }),
    );
    expect(readdirSync(state.path)).toEqual([]);
  }

  it('has one holder at a time, and leaves no files behind', async () => {
    await expectOneHolder(8);
  });

  it('is taken over from a dead owner by exactly one of many processes', async () => {
    writeFileSync(path, dead);
    await expectOneHolder(4);
  });

  it('is taken over even if a process ended during an earlier takeover', async () => {
    writeFileSync(path, dead);
    const claim = `${path}.takeover-${process.pid}`;
    writeFileSync(claim, '');
    utimesSync(claim, new Date(0), new Date(0));
    using _lock = await acquireLock(path, options);
    expect(existsSync(claim)).toBe(false);
  });

  it('names its holder on timeout', async () => {
    writeFileSync(path, JSON.stringify(await ownProcess()));
    await expect(acquireLock(path, { ...options, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'LOCKED',
      message: `the thing: process ${process.pid} has held the lock for too long`,
      where: path,
    });
  });

  it('is not acquired after an abort', async () => {
    writeFileSync(path, JSON.stringify(await ownProcess()));
    const signal = AbortSignal.abort(new Error('told to stop'));
    await expect(acquireLock(path, { ...options, signal })).rejects.toThrow('told to stop');
  });
});
