/**
 * Runs a mix of writes, overwrites, deletes and counters, then compares the raw bytes on every node with the master's.
 */
import { defineScript, equals } from './script.ts';

export const consistency = defineScript({
  name: 'consistency',
  defaults: { keys: 500, batch: 100 },
  async run({
    environment,
    open,
    expect,
    remember,
    caughtUp,
    masterId,
    readAllNodes,
    tag,
    parameters,
    random,
  }) {
    const { keys: count, batch } = parameters;
    const cache = open();
    await cache.ping();
    const names = Array.from({ length: count }, (_, n) => `consistency:${tag}:${n}`);
    const counters = Array.from({ length: 20 }, (_, n) =>
      cache.physicalKey(`consistency:${tag}:counter:${n}`),
    );
    const physical = [...names.map((name) => cache.physicalKey(name)), ...counters];
    remember(...physical);

    for (let from = 0; from < count; from += batch) {
      await cache.setMany(
        new Map(names.slice(from, from + batch).map((name) => [name, `first ${random.next()}`])),
      );
    }
    for (const name of names.filter((_, n) => n % 5 === 0)) await cache.set(name, `second ${random.next()}`);
    const deleted = names.filter((_, n) => n % 11 === 0);
    await cache.delete(...deleted);
    for (const key of counters) await cache.connection?.call('INCRBY', key, random.int(1_000));
    await caughtUp();

    await readAllNodes([
      ...names.map((name) => ({ key: cache.physicalKey(name), encoding: 'envelope' as const })),
      ...counters.map((key) => ({ key, encoding: 'raw' as const })),
    ]);
    const raw = new Map(
      await Promise.all(
        environment.topology.redis.map(async ({ id }) => {
          const values = await (await environment.admin(id)).mgetBuffer(physical);
          return [id, values.map((value) => value?.toString('base64') ?? null)] as const;
        }),
      ),
    );
    const master = raw.get(await masterId()) ?? [];
    expect('present-on-master', 'the master has every key that was not deleted', {
      ...equals(physical.length - deleted.length, master.filter((value) => value !== null).length),
    });
    for (const [id, values] of raw) {
      const differing = values.filter((value, i) => value !== master[i]).length;
      expect(`${id}-equal`, `${id} has the same data as the master, byte for byte`, equals(0, differing));
    }
  },
});
