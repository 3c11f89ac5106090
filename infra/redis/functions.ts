/**
 * The cache client's function library on the masters of an environment. Redis stores it with the data and replicates
 * it, so it survives restarts and failovers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';

export const LIBRARY_FILE = 'redis_cache_kit.lua';

/**
 * Returns the text of the library, which is read from a file instead of imported, because it is shipped with the client
 * and the client does not depend on the kit.
 */
export function functionLibrary(): string {
  return readFileSync(join(import.meta.dirname, '../..', 'client', 'functions', LIBRARY_FILE), 'utf8');
}

export interface LoadOptions {
  /** Maximum time, in ms, to wait for the replicas that a write requires, for example after a failover; default 0. */
  readonly waitForReplicasMs?: number;
  readonly progress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads the library on the masters, and replaces an older version.
 *
 * @throws KitError `FUNCTIONS_REFUSED` with the reply of the node
 */
export async function loadFunctions(
  masters: readonly string[],
  admin: (nodeId: string) => Promise<Redis>,
  options: LoadOptions = {},
): Promise<void> {
  const text = functionLibrary();
  await Promise.all(masters.map((id) => loadLibrary(id, text, admin, options)));
}

async function loadLibrary(
  id: string,
  text: string,
  admin: (nodeId: string) => Promise<Redis>,
  { waitForReplicasMs = 0, progress, signal }: LoadOptions,
): Promise<void> {
  const giveUpAt = performance.now() + waitForReplicasMs;
  let isReported = false;
  for (;;) {
    signal?.throwIfAborted();
    try {
      await (await admin(id)).call('FUNCTION', 'LOAD', 'REPLACE', text);
      return;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof KitError) throw error;
      if (!error.message.startsWith('NOREPLICAS') || performance.now() >= giveUpAt)
        throw refusedLoad(id, error);
    }
    if (!isReported) progress?.(`waiting until ${id} has enough replicas for writes`);
    isReported = true;
    await delay(100);
  }
}

function refusedLoad(id: string, cause: Error): KitError {
  return new KitError(`${id} rejects the client's function library: ${cause.message}`, {
    code: 'FUNCTIONS_REFUSED',
    exitCode: EXIT.UNKNOWN,
    hint: 'NOREPLICAS: see kit status; OOM: raise redis.maxmemory; others: docs/runbook.md, "Writes are refused"',
    cause,
  });
}
