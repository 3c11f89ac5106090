/**
 * The compared clients, each configured as in its own documentation, with the operations that it supports.
 *
 * The peers are in `bench/peers` with their own lock file, so that the kit does not depend on them. The first run
 * installs them.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { redisCache, tieredCache } from '../../client/index.ts';
import { runProgram } from '../../infra/host/process.ts';
import { load } from '../peers/load.ts';
import {
  type Client,
  kitOf,
  kitTieredOf,
  type Open,
  type Subject,
  type Target,
  TTL_SECONDS,
} from './kit-subjects.ts';
import { redisClients } from './redis-clients.ts';

export type { Subject, Target };

const PEERS = join(import.meta.dirname, '..', 'peers');
const fromPeers = createRequire(join(PEERS, 'package.json'));

export async function installPeers(): Promise<void> {
  if (existsSync(join(PEERS, 'node_modules'))) return;
  process.stderr.write('bench: installing the peers into bench/peers\n');
  const install = await runProgram({
    command: 'npm',
    args: ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    cwd: PEERS,
    timeoutMs: 300_000,
  });
  if (install.exitCode !== 0) throw new Error(`npm ci in bench/peers: ${install.stderr}`);
}

export function peerVersions(): Readonly<Record<string, string>> {
  interface Package {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  }
  const peers = fromPeers('./package.json') as Package;
  const { dependencies, devDependencies } = fromPeers('../../package.json') as Package;
  return {
    ...peers.dependencies,
    'node-redis 6': devDependencies.redis ?? '?',
    'valkey-glide': devDependencies['@valkey/valkey-glide'] ?? '?',
    ioredis: dependencies.ioredis ?? '?',
  };
}

const kit = kitOf('kit', { redisCache, tieredCache });
const kitTiered = kitTieredOf('kit, two tiers', { redisCache, tieredCache });

/** Loads the client of another checkout, for comparison in the same run. */
export async function openersOf(checkout: string): Promise<Pick<typeof openers, 'kit' | 'kitTiered'>> {
  const client = await load<Client>(pathToFileURL(resolve(checkout, 'client/index.ts')).href);
  // Loads another instance of the module: if two clients shared a call site, its polymorphism would be measured too.
  const own = await load<typeof import('./kit-subjects.ts')>(
    new URL('kit-subjects.ts?before', import.meta.url).href,
  );
  return {
    kit: own.kitOf('kit before', client),
    kitTiered: own.kitTieredOf('kit before, two tiers', client),
  };
}

interface Bento {
  BentoCache: new (
    options: object,
  ) => {
    get(options: object): Promise<unknown>;
    set(options: object): Promise<unknown>;
    getOrSet(options: object): Promise<unknown>;
    disconnectAll(): Promise<unknown>;
  };
  bentostore(): { useL1Layer(layer: unknown): never; useL2Layer(layer: unknown): never };
}

const bentocache: Open = async (target) => {
  const { BentoCache, bentostore } = await load<Bento>('bentocache');
  const { memoryDriver } = await load<{ memoryDriver(options: object): unknown }>(
    'bentocache/drivers/memory',
  );
  const { redisDriver } = await load<{ redisDriver(options: object): unknown }>('bentocache/drivers/redis');
  const redis = new Redis({ ...target }).on('error', () => undefined);
  const layered = (
    bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })) as ReturnType<typeof bentostore>
  ).useL2Layer(redisDriver({ connection: redis }));
  const cache = new BentoCache({ default: 'two', stores: { two: layered }, ttl: `${TTL_SECONDS}s` });
  return {
    name: 'bentocache, two tiers',
    set: (key, value) => cache.set({ key, value }),
    get: (key) => cache.get({ key }),
    setTagged: (key, value, tags) => cache.set({ key, value, tags }),
    getOrCompute: (key, factory) => cache.getOrSet({ key, factory }),
    close: () => cache.disconnectAll(),
  };
};

interface Keyvs {
  default: new (options: object) => object;
}

const cacheable: Open = async (target) => {
  const { Cacheable } = await load<{
    Cacheable: new (
      options: object,
    ) => {
      get(key: string): Promise<unknown>;
      set(key: string, value: unknown): Promise<unknown>;
      getOrSet(key: string, load: () => Promise<unknown>): Promise<unknown>;
      disconnect(): Promise<unknown>;
    };
  }>('cacheable');
  const { default: KeyvRedis } = await load<{ default: new (url: string) => object }>('@keyv/redis');
  const cache = new Cacheable({
    secondary: new KeyvRedis(`redis://${target.host}:${target.port}`),
    ttl: `${TTL_SECONDS}s`,
  });
  return {
    name: 'cacheable, two tiers',
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    getOrCompute: (key, load) => cache.getOrSet(key, load),
    close: () => cache.disconnect(),
  };
};

const cacheManager: Open = async (target) => {
  const { createCache } = await load<{
    createCache(options: object): {
      get(key: string): Promise<unknown>;
      set(key: string, value: unknown): Promise<unknown>;
      wrap(key: string, load: () => Promise<unknown>): Promise<unknown>;
      disconnect(): Promise<unknown>;
    };
  }>('cache-manager');
  const { default: Keyv } = await load<Keyvs>('keyv');
  const { default: KeyvRedis } = await load<{ default: new (url: string) => object }>('@keyv/redis');
  const store = new KeyvRedis(`redis://${target.host}:${target.port}`);
  const cache = createCache({
    stores: [new Keyv({ ttl: TTL_SECONDS * 1_000 }), new Keyv({ store })],
    ttl: TTL_SECONDS * 1_000,
  });
  return {
    name: 'cache-manager, two tiers',
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    getOrCompute: (key, load) => cache.wrap(key, load),
    close: () => cache.disconnect(),
  };
};

const dedupe: Open = async (target) => {
  const { createCache } = await load<{
    createCache(options: object): {
      define(name: string, load: (key: string) => Promise<unknown>): unknown;
      fetch(key: string): Promise<unknown>;
    };
  }>('async-cache-dedupe');
  const redis = new Redis({ ...target }).on('error', () => undefined);
  const loads = new Map<string, () => Promise<unknown>>();
  const cache = createCache({
    ttl: TTL_SECONDS,
    storage: { type: 'redis', options: { client: redis } },
  });
  cache.define('fetch', async (key) => loads.get(key)?.());
  const getOrCompute = (key: string, loader: () => Promise<unknown>): Promise<unknown> => {
    loads.set(key, loader);
    return cache.fetch(key);
  };
  return {
    name: 'async-cache-dedupe',
    set: (key, value) => getOrCompute(key, () => Promise.resolve(value)),
    get: (key) => cache.fetch(key),
    getOrCompute,
    close: () => redis.quit(),
  };
};

export const openers = {
  kit,
  kitTiered,
  ...redisClients,
  bentocache,
  cacheable,
  cacheManager,
  dedupe,
} as const;

export type SubjectName = keyof typeof openers;
