/**
 * Writes keys in groups of equal size and reads the memory of the masters after each group: the linear growth that
 * requirements document 002 demands. Replication, client and AOF buffers are not counted, because they depend on the
 * write rate and not on the number of keys.
 */
import { parseInfo } from '../../../infra/redis/info.ts';
import { dataBytesOf } from './data-bytes.ts';
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
      const used = await Promise.all(
        (await masters()).map(async (master) => dataBytesOf(parseInfo(await master.info()))),
      );
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
