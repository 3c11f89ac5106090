/**
 * An extension module with a cache client, a generated workload, and a drill that uses both: the shop compares its own
 * client with the kit's while the server cuts the connections.
 *
 *     kit drill baskets --module examples/extension/client.ts --gates examples/extension/client-gates.yaml
 *     kit drill master-crash --clients shop-cache --module examples/extension/client.ts
 *
 * In a repository with the package, import from 'redis-cache-kit/extension'.
 */
import { Redis, ReplyError } from 'ioredis';
import {
  type CacheClient,
  type ClientSpec,
  defineExtension,
  defineWorkload,
  failoverDrill,
  openLoop,
  padValue,
  zipfSampler,
} from '../../harness/extension/index.ts';

/** The shop's client: ioredis with a short timeout, and one load per key in each process. */
const shopCache: CacheClient = {
  name: 'shop-cache',
  version: '1.4.0',
  topologies: ['single', 'sentinel'],
  open(spec, onEvent) {
    const redis = new Redis(optionsOf(spec));
    // An 'error' event without a listener would terminate the client's thread.
    redis.on('error', (error: Error) => onEvent('error', { message: error.message }));
    const set = (key: string, value: string, ttlSeconds: number) => redis.set(key, value, 'EX', ttlSeconds);
    const loads = new Map<string, Promise<string>>();
    return {
      ping: () => redis.ping(),
      set,
      get: (key) => redis.get(key),
      incr: (key) => redis.incr(key),
      append: (key, text) => redis.append(key, text),
      getMany: (keys) => redis.mget([...keys]),
      setMany: (entries, ttlSeconds) =>
        Promise.all(entries.map(([key, value]) => set(key, value, ttlSeconds))),
      async getOrCompute(key, load, ttlSeconds) {
        const cached = await redis.get(key).catch(() => null);
        if (cached !== null) return cached;
        const running = loads.get(key);
        if (running !== undefined) return running;
        const loading = load().finally(() => loads.delete(key));
        loads.set(key, loading);
        const value = await loading;
        set(key, value, ttlSeconds).catch(() => undefined);
        return value;
      },
      close: async () => redis.disconnect(),
      isReply: (error) => error instanceof ReplyError,
    };
  },
};

function optionsOf(spec: ClientSpec) {
  const { mode, redis, sentinels, serviceName, app, sentinel, tls, natMap } = spec;
  const common = {
    username: app.username,
    password: app.password,
    commandTimeout: 1_000,
    ...(tls && { tls }),
  };
  if (mode !== 'sentinel') return { ...common, host: redis[0]?.host ?? '', port: redis[0]?.port ?? 0 };
  return {
    ...common,
    name: serviceName,
    sentinels: [...sentinels],
    sentinelUsername: sentinel.username,
    sentinelPassword: sentinel.password,
    ...(natMap && { natMap: { ...natMap } }),
    ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

/** Customers put items into baskets, and look at products. The seed of the run determines who and what. */
const baskets = defineWorkload({
  name: 'baskets',
  // The nodes are read after the trial, so that lost and repeated writes can be counted.
  finalRead: true,
  defaults: {
    addsPerSecond: 60,
    looksPerSecond: 30,
    viewsPerSecond: 60,
    customers: 25,
    products: 200,
    zipfExponent: 0.99,
    deadlineMs: 500,
    /** Read by the trial: time in ms for which the load continues after the fault is healed. */
    afterHealMs: 500,
  },
  async run({ adapter, clock, issuer, parameters, random, startUs, stopped, tag }) {
    const { deadlineMs } = parameters;
    const popular = zipfSampler(parameters.products, parameters.zipfExponent, random);
    const productKey = (product: number) => `product:${tag}:${product}`;
    const add = () => {
      const key = `basket:${tag}:${random.int(parameters.customers)}`;
      // The item contains the number of its operation, so that a lost or duplicated item can be identified.
      const item = (op: number) => `,${op}`;
      return {
        kind: 'append' as const,
        key,
        value: item,
        send: (op: number) => adapter.append(key, item(op)),
      };
    };
    // Reads products, not baskets: an append writes its text unchanged, and a cache reads only entries that it wrote.
    const look = () => {
      const key = productKey(popular());
      return { kind: 'get' as const, key, deadlineMs, send: () => adapter.get(key) };
    };
    const view = () => {
      const product = popular();
      const key = productKey(product);
      const value = `p${product}`;
      const send = () => adapter.getOrCompute(key, async () => padValue(value, 500));
      return { kind: 'getOrCompute' as const, key, value, deadlineMs, send };
    };
    const lanes = [
      { perSecond: parameters.addsPerSecond, next: add },
      { perSecond: parameters.looksPerSecond, next: look },
      { perSecond: parameters.viewsPerSecond, next: view },
    ];
    await openLoop({ lanes, clock, issuer, random, startUs, stopped });
  },
});

export default defineExtension({
  name: 'shop-client',
  clients: [shopCache],
  workloads: [baskets],
  drills: [
    failoverDrill({
      id: 'baskets',
      title: 'The server closes all connections while customers fill their baskets',
      source: 'incident of the shop',
      safeOutcome: 'no item is lost or added twice',
      topologies: ['single', 'sentinel'],
      clients: ['kit', 'shop-cache'],
      workload: { name: 'baskets', parameters: {} },
      operations: ['append', 'get', 'getOrCompute'],
      needs: [],
      neededFailovers: 0,
      faults: [1_000, 1_500, 2_000].map((atMs) => ({
        ...{ fault: 'cut-connections', target: 'master', atMs },
        heal: { afterMs: 0 },
      })),
    }),
  ],
});
