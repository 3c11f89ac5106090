/**
 * Writes and deletions while Redis is unreachable, and what becomes of them afterwards: no value that Redis had before returns, and reads
 * are served by Redis again.
 */
import { until } from '../../until.ts';
import { equals, errorOf, scripted } from '../scripted.ts';

export const outageWrites = scripted({
  name: 'outage-writes',
  defaults: { keys: 20, commandTimeoutMs: 200, recoveryBoundMs: 10_000 },
  async run({ open, proxyBeforeMaster, expect, remember, masterOf, tag, parameters, signal }) {
    const { keys, commandTimeoutMs, recoveryBoundMs } = parameters;
    const proxy = await proxyBeforeMaster();
    const cache = open({ commandTimeoutMs }, proxy);
    const other = open();
    const namesOf = (what: string) =>
      Array.from({ length: keys }, (_, n) => {
        const name = `outage:${tag}:${what}:${n}`;
        remember(cache.physicalKey(name));
        return name;
      });
    const [set, deleted, changed] = ['set', 'deleted', 'changed'].map(namesOf) as [
      string[],
      string[],
      string[],
    ];
    const all = [...set, ...deleted, ...changed];
    const valuesOf = (names: readonly string[], value: string) => new Map(names.map((name) => [name, value]));
    const held = async (names: readonly string[], value: string) => {
      const read = await other.getMany<string>(names);
      return names.filter((name) => read.get(name) === value).length;
    };
    await cache.ping();
    await cache.setMany(valuesOf(all, 'old'));
    expect('before', 'Redis has all values before the outage', equals(all.length, await held(all, 'old')));

    await proxy.down();
    const sources = await Promise.all(set.map(async (name) => (await cache.set(name, 'new')).source));
    expect('set-to-memory', 'writes during the outage report the memory', {
      ...equals(keys, sources.filter((source) => source === 'memory').length),
    });
    await cache.delete(deleted);
    const during = await cache.lookupMany<string>([...set, ...deleted]);
    const own = [...during.values()].filter((found) => found.found && found.value === 'new').length;
    expect('read-own-writes', 'reads during the outage find what was set and not what was deleted', {
      ...equals([keys, keys], [own, [...during.values()].filter(({ found }) => found).length]),
    });
    const durable = { durability: { replicas: 1, timeoutMs: commandTimeoutMs } };
    const key = `outage:${tag}:refused`;
    remember(cache.physicalKey(key));
    expect('durable-throws', 'a durable write is not acknowledged', {
      ...equals(true, (await errorOf(() => cache.set(key, 'durable', durable))) !== null),
    });
    expect('set-if-absent-throws', 'setIfAbsent is not answered from memory', {
      ...equals(true, (await errorOf(() => cache.setIfAbsent(key, 'absent'))) !== null),
    });
    await other.setMany(valuesOf(changed, 'by another'));

    await proxy.reset();
    const isBack = async () => (await cache.set(`outage:${tag}:set:0`, 'after')).source === 'redis';
    const back = await until('Redis to take writes again', isBack, {
      boundMs: recoveryBoundMs,
      signal,
    }).catch(() => false);
    expect('recovered', 'writes go to Redis again without a restart', equals(true, back));
    const reads = await cache.lookupMany<string>(all);
    const bySource = [...reads.values()].filter(({ source }) => source === 'redis').length;
    expect('read-from-redis', 'Redis answers all reads again', equals(all.length, bySource));
    const old = [...reads.values()].filter((found) => found.found && found.value === 'old').length;
    expect('no-old-value', 'reads that return a value from before the outage', equals(0, old));
    let left = 0;
    for (const name of [...set.slice(1), ...deleted]) {
      const physical = cache.physicalKey(name);
      left += await (await masterOf(physical)).exists(physical);
    }
    expect('replaced-in-redis', 'keys that were set or deleted during the outage and are still in Redis', {
      ...equals(0, left),
    });
    expect('others-kept', 'values that another client wrote during the outage', {
      ...equals(keys, await held(changed, 'by another')),
    });
  },
});
