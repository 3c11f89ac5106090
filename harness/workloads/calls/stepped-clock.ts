/**
 * A wall clock that can be stepped, for the kit's own processes: libfaketime changes the time that a process reads, by
 * the offset in a file. Timers and the monotonic clock are not affected, as when an administrator or NTP steps a clock.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Path of libfaketime within a folder of libraries. */
const LIBRARY = 'faketime/libfaketime.so.1';

/** Returns the path of libfaketime; undefined if it is not installed. */
export function findFakeTime(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  // Debian has a folder per architecture, Fedora /usr/lib64, a build from source /usr/local/lib.
  const ofDebian = readdirSync('/usr/lib').map((name) => join('/usr/lib', name));
  return [...ofDebian, '/usr/lib64', '/usr/local/lib']
    .map((folder) => join(folder, LIBRARY))
    .find((path) => existsSync(path));
}

export interface SteppedClock extends Disposable {
  /** Environment variables for a process that is to read this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the offset from the machine's clock. */
  step(offsetSeconds: number): void;
}

/** Opens a clock that starts at the machine's time. @throws Error if libfaketime is not installed */
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
      // The offset is read at every call, so that a step takes effect immediately.
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    step,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}
