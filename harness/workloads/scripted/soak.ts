/**
 * A steady load for hours, in slices. After each slice the load threads collect garbage and report their heap, and
 * every node reports its memory, fragmentation and replication lag: memory that grows with the number of operations is
 * a leak.
 */
import type { Redis } from 'ioredis';
import { infoNumber, parseInfo, replicasOf } from '../../../infra/redis/info.ts';
import type { LoadDriver } from '../load/driver.ts';
import { MIXES } from '../load/mixes.ts';
import { loadDefaults, openLoad } from '../load/options.ts';
import { dataBytesOf } from './data-bytes.ts';
import { defineScript } from './script.ts';

const defaults = {
  ...loadDefaults,
  threads: 1,
  perSecond: 500,
  slices: 30,
  sliceMs: 4_000,
};

export const soak = defineScript({
  name: 'soak',
  defaults,
  async run(context) {
    const { parameters, record, clock, masters, signal } = context;
    const { perSecond, slices, sliceMs } = parameters;
    await using load: LoadDriver = await openLoad(context);
    let operations = 0;
    for (let slice = 1; slice <= slices; slice++) {
      signal.throwIfAborted();
      const { asked } = await load.step({
        ...{ name: 'soak', mix: MIXES.B, perSecond, warmUpMs: 0, durationMs: sliceMs },
      });
      operations += asked;
      const heap = await load.sampleHeap();
      const servers = (await Promise.all((await masters()).map(serverFacts))).reduce(worst);
      record({
        ...{ type: 'observe', from: 'workload', name: 'soak-sample', client: 'kit', atUs: clock.nowUs() },
        data: { slice, operations, ...heap, ...servers },
      });
    }
  },
});

interface ServerFacts {
  /** Memory of the data in bytes, without buffers. */
  readonly usedBytes: number;
  readonly fragmentedBytes: number;
  readonly maxmemory: number;
  /** Longest lag of a replica, in bytes of the replication stream and in seconds since its last acknowledgement. */
  readonly lagBytes: number;
  readonly lagSeconds: number;
}

async function serverFacts(master: Redis): Promise<ServerFacts> {
  const info = parseInfo(await master.info());
  const offset = infoNumber(info, 'master_repl_offset') ?? 0;
  const replicas = replicasOf(info);
  const longest = (of: (replica: (typeof replicas)[number]) => number) => Math.max(0, ...replicas.map(of));
  return {
    usedBytes: dataBytesOf(info),
    fragmentedBytes: Math.max(0, infoNumber(info, 'mem_fragmentation_bytes') ?? 0),
    maxmemory: infoNumber(info, 'maxmemory') ?? 0,
    lagBytes: longest((replica) => offset - (infoNumber(replica, 'offset') ?? offset)),
    lagSeconds: longest((replica) => infoNumber(replica, 'lag') ?? 0),
  };
}

/** Combines the masters of a cluster: returns the highest value of each figure. */
function worst(a: ServerFacts, b: ServerFacts): ServerFacts {
  return {
    usedBytes: Math.max(a.usedBytes, b.usedBytes),
    fragmentedBytes: Math.max(a.fragmentedBytes, b.fragmentedBytes),
    maxmemory: Math.max(a.maxmemory, b.maxmemory),
    lagBytes: Math.max(a.lagBytes, b.lagBytes),
    lagSeconds: Math.max(a.lagSeconds, b.lagSeconds),
  };
}
