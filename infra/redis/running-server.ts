/** Versions that a running server reports. Changes nothing. */
import type { Redis } from 'ioredis';
import { parseInfo } from './info.ts';
import type { ServerVersion } from './server-version.ts';

export async function versionOf(redis: Redis): Promise<ServerVersion> {
  const info = parseInfo(String(await redis.call('INFO', 'server')));
  const valkey = info.valkey_version;
  return valkey === undefined
    ? { family: 'redis', version: info.redis_version ?? '0' }
    : { family: 'valkey', version: valkey };
}

/**
 * Returns the RDB version that a server writes, which is also the newest version that it reads. The footer of FUNCTION
 * DUMP contains the version (cluster.c, createDumpPayload), in the two bytes before the 8-byte checksum.
 */
export async function rdbVersionOf(redis: Redis): Promise<number> {
  const dump = (await redis.callBuffer('FUNCTION', 'DUMP')) as Buffer;
  return dump.readUInt16LE(dump.length - 10);
}
