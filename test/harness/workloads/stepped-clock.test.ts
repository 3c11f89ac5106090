import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findFakeTime, openSteppedClock } from '../../../harness/workloads/calls/stepped-clock.ts';

const HOUR_MS = 3_600_000;
/** Prints the wall-clock time and the monotonic time for each byte that it reads. */
const PROGRAM = "process.stdin.on('data', () => console.log(Date.now(), Math.round(performance.now())))";

const missing = findFakeTime() === undefined ? ' [skipped: libfaketime is not installed]' : '';

describe.runIf(missing === '')(`a stepped clock${missing}`, () => {
  it('steps the wall clock of a running process at once in both directions, but not its monotonic clock', async () => {
    using clock = openSteppedClock();
    const child = spawn(process.execPath, ['-e', PROGRAM], {
      env: { ...process.env, ...clock.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ask = async () => {
      const [text] = (await Promise.all([once(child.stdout, 'data'), child.stdin.write('?')]))[0];
      const [wallMs, monotonicMs] = String(text).split(' ').map(Number);
      return { hours: Math.round((Number(wallMs) - Date.now()) / HOUR_MS), monotonicMs: Number(monotonicMs) };
    };
    try {
      const seen = [await ask()];
      for (const hours of [1, 0, -1]) {
        clock.step(hours * 3_600);
        seen.push(await ask());
      }
      expect(seen.map(({ hours }) => hours + 0)).toEqual([0, 1, 0, -1]);
      const times = seen.map(({ monotonicMs }) => monotonicMs);
      expect(times.toSorted((a, b) => a - b)).toEqual(times);
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(HOUR_MS / 2);
    } finally {
      child.kill();
    }
  });

  it('leaves no file behind', () => {
    const clock = openSteppedClock();
    const dir = dirname(String(clock.env.FAKETIME_TIMESTAMP_FILE));
    expect(existsSync(dir)).toBe(true);
    clock[Symbol.dispose]();
    expect(existsSync(dir)).toBe(false);
  });
});
