/** `enabled: false`: seen from Redis, the client is not there; seen from the application, everything still answers. */
import type { Redis } from 'ioredis';
import { parseInfo } from '../../redis-info.ts';
import { equals, scripted } from '../scripted.ts';

/** What a cache sends. Others (INFO, PING, REPLCONF) are sent by samplers, sentinels and replicas all the time. */
const COMMANDS = ['get', 'mget', 'set', 'setex', 'psetex', 'mset', 'del', 'unlink', 'wait', 'hello', 'auth'];

export const featureFlag = scripted({
  name: 'feature-flag',
  defaults: { calls: 10 },
  async run({ environment, open, expect, remember, tag, parameters, spec }) {
    const { calls } = parameters;
    const nodes = await Promise.all(environment.topology.redis.map(({ id }) => environment.admin(id)));
    const before = await Promise.all(nodes.map((node) => footprint(node, spec.app.username)));

    const cache = open({ enabled: false });
    const key = `flag:${tag}`;
    remember(cache.physicalKey(key));
    let right = 0;
    for (let n = 0; n < calls; n++) {
      if ((await cache.getOrCompute(`${key}:${n}`, () => n)) === n) right++;
    }
    const receipt = await cache.set(key, 'value');
    await cache.get(key);
    await cache.getMany([key]);
    await cache.delete(key);

    const after = await Promise.all(nodes.map((node) => footprint(node, spec.app.username)));
    expect('answers', 'getOrCompute answers every call', equals(calls, right));
    expect('not-to-redis', 'a write is not taken by Redis', equals(false, receipt.source === 'redis'));
    environment.topology.redis.forEach(({ id }, i) => {
      expect(
        `${id}-commands`,
        `${id} saw no command of a cache`,
        equals(before[i]?.calls ?? 0, after[i]?.calls),
      );
      const connections = before[i]?.connections ?? 0;
      expect(
        `${id}-connections`,
        `${id} got no connection of the app`,
        equals(connections, after[i]?.connections),
      );
    });
  },
});

/** Calls of cache commands so far, and the connections that the app's user has. */
async function footprint(node: Redis, user: string) {
  const stats = parseInfo(await node.info('commandstats'));
  const calls = COMMANDS.reduce((sum, command) => {
    const line = stats[`cmdstat_${command}`];
    return sum + Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0);
  }, 0);
  const clients = String(await node.call('CLIENT', 'LIST')).split('\n');
  return { calls, connections: clients.filter((line) => line.includes(` user=${user} `)).length };
}
