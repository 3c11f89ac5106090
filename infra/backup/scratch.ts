/** Scratch servers for backups: one with a loaded RDB, and an empty one. */
import { linkSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KitError } from '../../config/errors.ts';
import { ScratchServer } from '../redis/scratch-server.ts';

/** Timeout for loading, in ms. It only stops a server that hangs: a large RDB loads at about 100 MB/s. */
const LOAD_TIMEOUT_MS = 30 * 60_000;

const DIRECTIVES = ['appendonly no', 'dbfilename dump.rdb', 'repl-diskless-load disabled'];

/** Starts a server that loads an RDB and keeps its expired keys. @throws KitError `SCRATCH_FAILED` */
export function loadScratch(command: string, rdb: string, signal?: AbortSignal): Promise<ScratchServer> {
  return ScratchServer.start({
    command,
    prepare: (dataDir) => placeFile(resolve(rdb), join(dataDir, 'dump.rdb')),
    directives: DIRECTIVES,
    keepsExpired: true,
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    signal,
  });
}

/** Starts an empty server that accepts writes. */
export function emptyScratch(command: string, signal?: AbortSignal): Promise<ScratchServer> {
  return ScratchServer.start({
    command,
    directives: [...DIRECTIVES, 'maxmemory 0'],
    keepsExpired: false,
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    signal,
  });
}

/** Provides the file as a link, which is sufficient because the server only reads it. */
function placeFile(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    symlinkSync(from, to);
  }
}

/** Whether the program is older than the server that wrote the RDB (rdb.c: "Can't handle RDB format version"). */
export function tooNewForScratch(error: unknown): boolean {
  return error instanceof KitError && /handle RDB format version/.test(error.message);
}
