/** Memory that the data of a master uses. */
import { type Info, infoNumber } from '../../../infra/redis/info.ts';

/**
 * Names, in INFO memory, of the buffers whose size depends on the write rate and not on the number of keys. The
 * replication backlog of Redis 7 grows to its full size with the first writes.
 */
const BUFFERS = ['mem_clients_normal', 'mem_aof_buffer', 'mem_total_replication_buffers'];

/** Returns `used_memory` without buffers, in bytes. @throws Error if INFO has no used_memory */
export function dataBytesOf(info: Info): number {
  const used = infoNumber(info, 'used_memory');
  if (used === null) throw new Error('INFO has no used_memory');
  return BUFFERS.reduce((rest, name) => rest - (infoNumber(info, name) ?? 0), used);
}
