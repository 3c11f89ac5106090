/**
 * The cache client's function library on the masters of an environment. Redis keeps it with the data and gives it to
 * replicas, so that it survives restarts and failovers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../config/errors.ts';
import type { Topology } from './topology.ts';

export const LIBRARY_FILE = 'redis_cache_kit.lua';

/** Read, not imported: the client ships it, and knows nothing of the kit. */
export function functionLibrary(): string {
  return readFileSync(join(import.meta.dirname, '..', 'client', 'functions', LIBRARY_FILE), 'utf8');
}

/**
 * Loads it on every master, in the place of an older one.
 *
 * @throws KitError `FUNCTIONS_REFUSED` with what the node says
 */
export async function loadFunctions(
  topology: Topology,
  admin: (nodeId: string) => Promise<Redis>,
): Promise<void> {
  const text = functionLibrary();
  await Promise.all(
    topology.redis.map(async ({ id }) => {
      const redis = await admin(id);
      await redis.call('FUNCTION', 'LOAD', 'REPLACE', text).catch((error: Error) => {
        // A replica has it from its master.
        if (error.message.startsWith('READONLY')) return;
        throw new KitError(`${id} does not take the client's functions: ${error.message}`, {
          code: 'FUNCTIONS_REFUSED',
          exitCode: EXIT.UNKNOWN,
          hint: 'NOREPLICAS: see kit status; OOM: raise redis.maxmemory; the runbook has the others, under "Writes are refused"',
          cause: error,
        });
      });
    }),
  );
}
