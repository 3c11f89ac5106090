/** Redis clients without a cache on top: each stores JSON with a TTL under keys with its own prefix. */
import { createConnection } from 'node:net';
import { GlideClient, TimeUnit } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { removeGlideSocketAtExit } from '../../harness/workloads/stock/glide-socket.ts';
import { load } from '../peers/load.ts';
import { type Open, TTL_SECONDS } from './kit-subjects.ts';

const parse = (text: unknown): unknown => (typeof text === 'string' ? JSON.parse(text) : undefined);

const ioredis: Open = async (target) => {
  const redis = new Redis({ ...target }).on('error', () => undefined);
  await redis.ping();
  const get = async (key: string): Promise<unknown> => parse(await redis.get(`io:${key}`));
  const set = (key: string, value: unknown): Promise<unknown> =>
    redis.set(`io:${key}`, JSON.stringify(value), 'EX', TTL_SECONDS);
  return {
    name: 'ioredis',
    set,
    get,
    getMany: async (keys) => (await redis.mget(keys.map((key) => `io:${key}`))).map(parse),
    setTagged: set,
    getOrCompute: async (key, load) => {
      const found = await get(key);
      if (found !== undefined) return found;
      const value = await load();
      await set(key, value);
      return value;
    },
    close: () => redis.quit(),
  };
};

interface NodeRedis {
  connect(): Promise<unknown>;
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options: object): Promise<unknown>;
  mGet(keys: string[]): Promise<readonly unknown[]>;
  quit(): Promise<unknown>;
}

const nodeRedisOf =
  (name: string, create: () => Promise<(options: object) => NodeRedis>): Open =>
  async (target) => {
    const redis = (await create())({ socket: target });
    await redis.connect();
    const prefix = name.replaceAll(' ', '-');
    const set = (key: string, value: unknown): Promise<unknown> =>
      redis.set(`${prefix}:${key}`, JSON.stringify(value), { EX: TTL_SECONDS });
    return {
      name,
      set,
      get: async (key) => parse(await redis.get(`${prefix}:${key}`)),
      getMany: async (keys) => (await redis.mGet(keys.map((key) => `${prefix}:${key}`))).map(parse),
      setTagged: set,
      close: () => redis.quit(),
    };
  };

const nodeRedis5 = nodeRedisOf('node-redis 5', async () => {
  const { createClient: create } = await load<{ createClient(options: object): NodeRedis }>('redis');
  return create;
});
const nodeRedis6 = nodeRedisOf('node-redis 6', async () => (options) => createClient(options) as NodeRedis);

const glide: Open = async (target) => {
  removeGlideSocketAtExit();
  const redis = await GlideClient.createClient({ addresses: [target] });
  const expiry = { type: TimeUnit.Seconds, count: TTL_SECONDS };
  const set = (key: string, value: unknown): Promise<unknown> =>
    redis.set(`glide:${key}`, JSON.stringify(value), { expiry });
  return {
    name: 'valkey-glide 2',
    set,
    get: async (key) => parse(await redis.get(`glide:${key}`)),
    getMany: async (keys) => (await redis.mget(keys.map((key) => `glide:${key}`))).map(parse),
    setTagged: set,
    close: async () => redis.close(),
  };
};

/** Lower bound for all clients: sends the bytes of one command and reads the bytes of its reply, without parsing. */
const socket: Open = async (target) => {
  const raw = createConnection(target);
  await new Promise((done, fail) => raw.once('connect', done).once('error', fail));
  raw.setNoDelay(true);
  const waiting: (() => void)[] = [];
  let owed = 0;
  const sizes: number[] = [];
  raw.on('data', (chunk) => {
    owed += chunk.length;
    while (sizes.length > 0 && owed >= (sizes[0] as number)) {
      owed -= sizes.shift() as number;
      waiting.shift()?.();
    }
  });
  const ask = (request: string, answer: number): Promise<void> => {
    raw.write(request);
    sizes.push(answer);
    return new Promise((done) => waiting.push(done));
  };
  let length = 0;
  return {
    name: 'bare socket',
    set: (key, value) => {
      const text = JSON.stringify(value);
      length = Buffer.byteLength(text);
      return ask(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${length}\r\n${text}\r\n`, 5);
    },
    get: (key) =>
      ask(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`, `$${length}\r\n`.length + length + 2),
    close: async () => raw.destroy(),
  };
};

export const redisClients = { ioredis, nodeRedis5, nodeRedis6, glide, socket } as const;
