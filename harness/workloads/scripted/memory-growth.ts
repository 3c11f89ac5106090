/**
 * Writes keys in equal groups and reads the memory of the masters after each: 002's linear growth. Buffers of replication, of clients
 * and of the AOF are not counted; they depend on the rate and not on the keys.
 */
import type { Redis } from 'ioredis';
import { type Info, infoNumber, parseInfo } from '../../../infra/redis/info.ts';
import { defineScript } from './script.ts';

const defaults = {
  points: 12,
  keysPerPoint: 2_000,
  valueBytes: 1_024,
  batch: 500,
};

export const memoryGrowth = defineScript({
  name: 'memory-growth',
  defaults,
  async run({ parameters, open, tag, spec, record, clock, masters, remember, signal, caughtUp }) {
    const { points, keysPerPoint, valueBytes, batch } = parameters;
    const cache = open();
    const value = 'x'.repeat(valueBytes);
    const measure = async (keys: number) => {
      await caughtUp();
      const used = await Promise.all((await masters()).map(usedBytesOf));
      const usedBytes = used.reduce((sum, bytes) => sum + bytes, 0);
      record({
        ...{ type: 'observe', from: 'workload', name: 'memory-point', client: 'kit', atUs: clock.nowUs() },
        data: { keys, usedBytes },
      });
    };
    await measure(0);
    for (let point = 1; point <= points; point++) {
      for (let from = (point - 1) * keysPerPoint; from < point * keysPerPoint; from += batch) {
        signal.throwIfAborted();
        const count = Math.min(batch, point * keysPerPoint - from);
        const names = Array.from(
          { length: count },
          (_, i) => `growth:${tag}:${String(from + i).padStart(8, '0')}`,
        );
        remember(...names.map((name) => `${spec.settings.namespace}:${name}`));
        await cache.setMany(new Map(names.map((name) => [name, value])));
      }
      await measure(point * keysPerPoint);
    }
  },
});

/** Buffers, by their names in INFO memory. */
const BUFFERS = ['mem_clients_normal', 'mem_aof_buffer', 'mem_total_replication_buffers'];

async function usedBytesOf(master: Redis): Promise<number> {
  const info: Info = parseInfo(await master.info());
  const used = infoNumber(info, 'used_memory');
  if (used === null) throw new Error('INFO has no used_memory');
  return BUFFERS.reduce((rest, name) => rest - (infoNumber(info, name) ?? 0), used);
}
