/**
 * Stock ioredis with its defaults: only the options that it needs to connect are set. The comparison is with its own
 * Sentinel support, offline queue, retries and re-sending of unanswered commands.
 */
import type { RedisOptions } from 'ioredis';
import { Cluster, Redis, ReplyError } from 'ioredis';
import type { OperationKind } from '../history/events.ts';
import type { Adapter, ClientEventSink, ClientSpec, Failure } from './adapter.ts';

const EVENTS = ['connect', 'ready', 'close', 'reconnecting', 'end'] as const;

/** Kinds that change data: without an answer, their outcome is unknown. */
const WRITES: ReadonlySet<OperationKind> = new Set(['set', 'setMany', 'incr', 'append', 'delete']);

export function ioredisAdapter(spec: ClientSpec, onEvent: ClientEventSink): Adapter {
  const redis = spec.mode === 'cluster' ? openCluster(spec) : new Redis(connectOptions(spec));
  // An 'error' without a listener is printed by ioredis; here it is an observation like the others.
  redis.on('error', (error: Error) => onEvent('error', { message: error.message }));
  for (const event of EVENTS) redis.on(event, () => onEvent(event, {}));

  const physicalKey = (key: string) => `${spec.settings.namespace}:${key}`;
  const ttl = spec.settings.defaultTtlSeconds;
  return {
    client: 'ioredis',
    durable: false,
    encoding: 'raw',
    physicalKey,
    async ready() {
      await redis.ping();
    },
    async set(key, value, _durability, ttlSeconds = ttl) {
      await redis.set(physicalKey(key), value, 'EX', ttlSeconds);
      return { source: 'redis' };
    },
    get: async (key) => ({ source: 'redis', value: await redis.get(physicalKey(key)) }),
    incr: async (key) => ({ source: 'redis', value: String(await redis.incr(physicalKey(key))) }),
    append: async (key, text) => ({
      source: 'redis',
      value: String(await redis.append(physicalKey(key), text)),
    }),
    async getMany(keys) {
      const values =
        redis instanceof Cluster
          ? await Promise.all(keys.map((key) => redis.get(physicalKey(key))))
          : await redis.mget(keys.map(physicalKey));
      return { source: 'redis', value: String(values.filter((value) => value !== null).length), values };
    },
    async setMany(entries) {
      if (redis instanceof Cluster) {
        const write = ([key, value]: readonly [string, string]) =>
          redis.set(physicalKey(key), value, 'EX', ttl);
        await Promise.all([...entries].map(write));
        return { source: 'redis' };
      }
      const pipeline = redis.pipeline();
      for (const [key, value] of entries) pipeline.set(physicalKey(key), value, 'EX', ttl);
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
      return { source: 'redis' };
    },
    // Cache-aside as in seed 004 section 7: on a Redis error it computes, and it does not wait for storing.
    async getOrCompute(key, load) {
      const cached = await redis.get(physicalKey(key)).catch(() => null);
      if (cached !== null) return { source: 'redis', value: cached };
      const value = await load();
      redis.set(physicalKey(key), value, 'EX', ttl).catch(() => undefined);
      return { source: 'loader', value };
    },
    failure: ioredisFailure,
    async close() {
      redis.disconnect();
    },
  };
}

function connectOptions(spec: ClientSpec): RedisOptions & { replyMapping?: 'legacy' } {
  const auth = { username: spec.app.username, password: spec.app.password };
  if (spec.mode === 'sentinel') {
    return {
      ...auth,
      sentinels: spec.sentinels.map(({ host, port }) => ({ host, port })),
      name: spec.serviceName,
      sentinelUsername: spec.sentinel.username,
      sentinelPassword: spec.sentinel.password,
      ...(spec.natMap && { natMap: { ...spec.natMap } }),
      ...(spec.tls && { tls: spec.tls, sentinelTLS: spec.tls, enableTLSForSentinelMode: true }),
    };
  }
  const [address] = spec.redis;
  return { ...auth, host: address?.host ?? '', port: address?.port ?? 0, ...(spec.tls && { tls: spec.tls }) };
}

/** ioredis refuses commands and pipelines on keys of several slots: those are sent one by one. */
function openCluster({ redis, app, natMap, tls }: ClientSpec): Cluster {
  return new Cluster([...redis], {
    ...(natMap && { natMap: { ...natMap } }),
    redisOptions: { username: app.username, password: app.password, ...(tls && { tls }) },
  });
}

/**
 * An error reply is a refusal. Any other error (connection closed, retries exhausted) may occur after the command was sent,
 * and ioredis does not report which: unknown for a write, while a read applies nothing.
 */
function ioredisFailure(kind: OperationKind, error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const refused = error instanceof ReplyError;
  const code = refused ? (message.split(' ', 1)[0] ?? 'ERR') : errorName(error);
  return { type: refused || !WRITES.has(kind) ? 'fail' : 'info', code, message };
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
