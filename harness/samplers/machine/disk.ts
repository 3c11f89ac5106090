/**
 * Control measurement of the disk: a bare fsync of one byte, in an unnamed file on the disk of the run folder.
 * Sentinels and cluster nodes fsync their state files during every failover, so a slow disk delays the failover. One
 * fsync is in flight at a time.
 */
import { promises, rmSync } from 'node:fs';

type FileHandle = Awaited<ReturnType<typeof promises.open>>;

export class DiskControl {
  readonly #file: Promise<FileHandle | undefined>;
  #inFlight: Promise<void> | undefined;

  /**
   * @param path path of a file that is created and removed immediately; if the folder is not writable, there are no
   *   samples
   */
  constructor(path: string) {
    this.#file = promises.open(path, 'w').then(
      (file) => {
        rmSync(path, { force: true });
        return file;
      },
      () => undefined,
    );
  }

  /** Starts an fsync, unless one is in flight. */
  ask(nowMs: () => number, measured: (tookMs: number) => void): void {
    this.#inFlight ??= this.#fsync(nowMs, measured)
      .catch(() => undefined)
      .finally(() => {
        this.#inFlight = undefined;
      });
  }

  async #fsync(nowMs: () => number, measured: (tookMs: number) => void): Promise<void> {
    const file = await this.#file;
    if (file === undefined) return;
    const startedMs = nowMs();
    await file.write('.', 0);
    await file.sync();
    measured(nowMs() - startedMs);
  }

  async close(): Promise<void> {
    await this.#inFlight;
    await (await this.#file)?.close();
  }
}
