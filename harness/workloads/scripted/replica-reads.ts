/**
 * Reads from replicas. Replicas serve reads only if a cache requests it, and no read returns data older than
 * `maxStalenessMs`. To test this, all replicas are held: they accept no data from the master and continue to serve
 * reads (CLIENT PAUSE WRITE on each replica).
 */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import { pause, waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, type ScriptContext } from './script.ts';

const defaults = { reads: 100, maxStalenessMs: 250, heldMs: 800, everyMs: 5, boundMs: 5_000 };

interface Setting {
  readonly context: ScriptContext<Resolved<typeof defaults>>;
  /** A cache without replica reads. */
  readonly plain: Cache;
  readonly cache: Cache;
  readonly replicas: readonly Redis[];
  readonly key: string;
}

export const replicaReads = defineScript({
  name: 'replica-reads',
  defaults,
  async run(context) {
    const { environment, open, tag, remember, parameters, caughtUp, masterId } = context;
    const plain = open();
    const cache = open({ replicaReads: { maxStalenessMs: parameters.maxStalenessMs } });
    const master = await masterId();
    const others = environment.topology.redis.filter(({ id }) => id !== master);
    const replicas = await Promise.all(others.map(({ id }) => environment.admin(id)));
    const key = `replica-reads:${tag}`;
    remember(plain.physicalKey(key));
    await plain.set(key, 0, { durability: 'async' });
    await caughtUp();
    const setting: Setting = { context, plain, cache, replicas, key };
    await expectRouted(setting, 'before');
    await expectBounded(setting);
    await expectRouted(setting, 'after');
  },
});

async function expectRouted(setting: Setting, phase: string): Promise<void> {
  const { context, plain, cache, replicas, key } = setting;
  const { expect, signal, parameters } = context;
  const { reads, boundMs } = parameters;
  const readFrom = async (reader: Cache, n: number) => {
    const before = await readsOf(replicas);
    for (let i = 0; i < n; i++) await reader.get(key);
    return (await readsOf(replicas)) - before;
  };
  const isRouted = async () => (await readFrom(cache, 5)) === 5;
  // A replica counts as fresh only once the client has measured its lag.
  await waitUntil('reads from replicas', isRouted, { boundMs, signal }).catch(() => signal.throwIfAborted());
  expect(`${phase}/replicas`, 'reads of a cache with replicaReads that replicas served', {
    ...{ relation: 'at-least', expected: Math.ceil(0.9 * reads), actual: await readFrom(cache, reads) },
  });
  expect(`${phase}/master`, 'reads of a cache without replicaReads that replicas served', {
    ...equals(0, await readFrom(plain, reads)),
  });
}

/** Continuously overwrites and reads one key while the replicas are held. */
async function expectBounded(setting: Setting): Promise<void> {
  const { context, replicas, plain, key } = setting;
  const { expect, parameters, masterOf, signal } = context;
  const physical = plain.physicalKey(key);
  const writer = new Writer(setting);
  const rawValues = () => Promise.all(replicas.map((replica) => replica.getBuffer(physical)));
  try {
    for (const replica of replicas) {
      await replica.call('CLIENT', 'PAUSE', 10 * parameters.heldMs, 'WRITE');
    }
    await pause(10 * parameters.everyMs, signal);
    const before = await rawValues();
    const { reads, older, elsewhere } = await readsWhile(setting, writer);
    const after = await rawValues();
    const current = await (await masterOf(physical)).getBuffer(physical);
    const held = after.filter((value, i) => {
      const old = before[i];
      return value != null && old != null && value.equals(old) && !value.equals(current ?? value);
    }).length;
    expect('held/replicas', 'replicas that serve an old value', equals(replicas.length, held));
    expect('held/reads', 'reads while the replicas are held', {
      ...{ relation: 'above', expected: 0, actual: reads },
    });
    expect('held/older', 'reads older than maxStalenessMs', equals(0, older));
    expect('held/elsewhere', 'reads that Redis did not serve', equals(0, elsewhere));
  } finally {
    await writer.stop();
    for (const replica of replicas) await replica.call('CLIENT', 'UNPAUSE');
  }
}

/**
 * Reads the key for `heldMs`. `older` counts reads that returned an old value even though a newer one had been
 * acknowledged longer ago than the allowed staleness.
 */
async function readsWhile(
  { context, cache, key }: Setting,
  writer: Writer,
): Promise<{ readonly reads: number; readonly older: number; readonly elsewhere: number }> {
  const { parameters, signal } = context;
  const endsAt = performance.now() + parameters.heldMs;
  let [reads, older, elsewhere] = [0, 0, 0];
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    const read = await cache.getEntry<number>(key);
    reads += 1;
    if (read?.source !== 'redis') elsewhere += 1;
    else if (read.value < writer.acknowledgedAt(startedAt - parameters.maxStalenessMs)) older += 1;
    await pause(parameters.everyMs, signal);
  }
  return { reads, older, elsewhere };
}

/** Writes ascending numbers to the key until it is stopped. */
class Writer {
  readonly #acknowledged: { readonly n: number; readonly atMs: number }[] = [];
  readonly #run: Promise<void>;
  #stopped = false;

  constructor({ context, plain, key }: Setting) {
    this.#run = (async () => {
      for (let n = 1; !this.#stopped; n++) {
        const { source } = await plain.set(key, n, { durability: 'async' });
        if (source === 'redis') this.#acknowledged.push({ n, atMs: performance.now() });
        await pause(context.parameters.everyMs, context.signal);
      }
    })();
    this.#run.catch(() => undefined);
  }

  /** Returns the last number that was acknowledged by the given time. */
  acknowledgedAt(atMs: number): number {
    return this.#acknowledged.findLast((write) => write.atMs <= atMs)?.n ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#run;
  }
}

/** Returns the number of reads that the nodes have served so far. */
async function readsOf(nodes: readonly Redis[]): Promise<number> {
  const texts = await Promise.all(nodes.map((node) => node.info('commandstats')));
  const calls = texts.flatMap((text) => [...text.matchAll(/^cmdstat_m?get:calls=(\d+)/gm)]);
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}
