/**
 * A wall clock that can be stepped, for processes of the kit: libfaketime changes the time that a process reads, by the
 * offset in a file. Timers and the monotonic clock run on, as they do when an administrator or NTP steps a clock.
 */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian, Fedora and a build from source install it. */
const LIBRARY = '/usr/{lib/*,lib64,local/lib}/faketime/libfaketime.so.1';

/** Path of libfaketime, or undefined where it is not installed. */
export function findFakeTime(): string | undefined {
  return process.platform === 'linux' ? globSync(LIBRARY)[0] : undefined;
}

export interface SteppedClock extends Disposable {
  /** Environment of a process that reads this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the difference from the machine's clock. */
  step(offsetSeconds: number): void;
}

/** Starts at the machine's time. @throws Error without libfaketime */
export function openSteppedClock(): SteppedClock {
  const library = findFakeTime();
  if (library === undefined) throw new Error('libfaketime is not installed');
  const dir = mkdtempSync(join(tmpdir(), 'kit-clock-'));
  const path = join(dir, 'offset');
  const step = (offsetSeconds: number) =>
    writeFileSync(path, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`);
  step(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path,
      // Read at every call, so that a step has effect at once.
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    step,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}
