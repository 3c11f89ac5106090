/**
 * `enabled: false`, and `fromEnv` without `ENABLE_REDIS_CACHE=true`: the client sends nothing to Redis, and the
 * application still gets answers. The kit's own nodes report their counters; on a shared Redis a proxy counts the bytes
 * that this client sends.
 */
import type { Redis } from 'ioredis';
import { parseInfo } from '../../../infra/redis/info.ts';
import { defineScript, equals, errorOf, type MasterProxy, type ScriptContext } from './script.ts';

/**
 * Commands that a cache sends. Samplers, sentinels and replicas continuously send other commands (INFO, PING,
 * REPLCONF).
 */
const COMMANDS = ['get', 'mget', 'set', 'setex', 'psetex', 'mset', 'del', 'unlink', 'wait', 'hello', 'auth'];

interface Footprint {
  readonly commands: number;
  readonly connections: number;
}

interface Watch {
  /** Proxy through which the client connects; undefined if it connects directly. */
  readonly through: MasterProxy | undefined;
  readonly nodes: readonly string[];
  look(): Promise<readonly Footprint[]>;
}

export const featureFlag = defineScript({
  name: 'feature-flag',
  defaults: { calls: 10 },
  async run(context) {
    const { open, expect, remember, tag, parameters } = context;
    const { calls } = parameters;
    const watch = await (context.shared ? watchProxy(context) : watchNodes(context));
    const before = await watch.look();

    const cache = open({ enabled: false }, watch.through);
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
    await Promise.all(['false', undefined].map((flag) => expectOffByVariable(context, watch, flag)));

    const after = await watch.look();
    expect('answers', 'getOrCompute answers every call', equals(calls, right));
    expect('not-to-redis', 'a write does not reach Redis', equals(false, receipt.source === 'redis'));
    watch.nodes.forEach((id, i) => {
      const [was, is] = [before[i], after[i]];
      expect(`${id}-commands`, `${id} received no command of a cache`, {
        ...equals(was?.commands ?? 0, is?.commands),
      });
      expect(`${id}-connections`, `${id} received no connection of the app`, {
        ...equals(was?.connections ?? 0, is?.connections),
      });
    });
  },
});

/** Opens a cache from variables that describe the environment's Redis, with the flag off or absent. */
async function expectOffByVariable(
  { client, expect, remember, spec, tag }: ScriptContext,
  { through }: Watch,
  flag: string | undefined,
): Promise<void> {
  const [address] = through?.addresses ?? spec.redis;
  const cache = client.fromEnv({
    ENABLE_REDIS_CACHE: flag,
    REDIS_HOST: address?.host,
    REDIS_PORT: address && String(address.port),
    REDIS_USERNAME: spec.app.username,
    REDIS_PASSWORD: spec.app.password,
    CACHE_NAMESPACE: spec.settings.namespace,
  });
  const key = `flag:${tag}:variable`;
  remember(cache.physicalKey(key));
  let seen: readonly (string | null)[] = [];
  const error = await errorOf(async () => {
    const { source } = await cache.set(key, 'value', { ttlSeconds: 60 });
    seen = [source, (await cache.get<string>(key)) ?? null];
  });
  const named = flag ?? 'absent';
  expect(
    `variable-${named}`,
    `fromEnv with ENABLE_REDIS_CACHE ${named}: whether it connects, errors, place and value of a write`,
    equals([false, null, 'memory', 'value'], [cache.connection !== undefined, error, ...seen]),
  );
  await cache.close();
}

/** Watches INFO and CLIENT LIST, which cover every connection of the client. */
async function watchNodes({ environment, spec }: ScriptContext): Promise<Watch> {
  const nodes = environment.topology.redis.map(({ id }) => id);
  const connections = await Promise.all(nodes.map((id) => environment.admin(id)));
  return {
    through: undefined,
    nodes,
    look: () => Promise.all(connections.map((node) => readFootprint(node, spec.app.username))),
  };
}

/** Watches the bytes that pass through a proxy that no other client uses. */
async function watchProxy({ proxyBeforeMaster }: ScriptContext): Promise<Watch> {
  const proxy = await proxyBeforeMaster();
  return {
    through: proxy,
    // One entry for everything behind the proxy.
    nodes: ['redis-1'],
    look: async () => {
      const { connections, bytes } = await proxy.traffic();
      return [{ connections, commands: bytes }];
    },
  };
}

/** Reads the number of cache commands so far, and the number of connections of the app user. */
async function readFootprint(node: Redis, user: string): Promise<Footprint> {
  const stats = parseInfo(await node.info('commandstats'));
  const calls = COMMANDS.reduce((sum, command) => {
    const line = stats[`cmdstat_${command}`];
    return sum + Number(/calls=(\d+)/.exec(line ?? '')?.[1] ?? 0);
  }, 0);
  const clients = String(await node.call('CLIENT', 'LIST')).split('\n');
  return { commands: calls, connections: clients.filter((line) => line.includes(` user=${user} `)).length };
}
