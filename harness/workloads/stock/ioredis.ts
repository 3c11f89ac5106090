/**
 * Stock ioredis, with its defaults or tuned. With defaults, only the options that are required to connect are set, so
 * that the comparison includes ioredis's own Sentinel support, offline queue, retries and re-sending of unanswered
 * commands.
 */
import type { RedisOptions } from 'ioredis';
import { Cluster, Redis, ReplyError } from 'ioredis';
import type { Adapter, ClientEventSink, ClientSpec } from '../adapter.ts';
import { type StockCommands, stockAdapter } from './stock-adapter.ts';

/** Replies keep the type that ioredis declares for its commands. */
type Tuning = Omit<RedisOptions, 'replyMapping'>;

const EVENTS = ['connect', 'ready', 'close', 'reconnecting', 'end'] as const;

/**
 * Options that the documentation of ioredis recommends for fast failovers: its failover detector, short timeouts, quick
 * retries.
 */
const TUNED = {
  failoverDetector: true,
  connectTimeout: 1_000,
  commandTimeout: 1_000,
  retryStrategy: (attempts: number) => Math.min(50 * attempts, 200),
  sentinelRetryStrategy: (attempts: number) => Math.min(50 * attempts, 200),
  sentinelReconnectStrategy: (attempts: number) => Math.min(50 * attempts, 200),
  // A write to a master that was made a replica triggers a reconnect.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} as const satisfies Tuning;

export const ioredisAdapter = (spec: ClientSpec, onEvent: ClientEventSink): Adapter =>
  openIoredis(spec, onEvent, {});

export const tunedIoredisAdapter = (spec: ClientSpec, onEvent: ClientEventSink): Adapter =>
  openIoredis(spec, onEvent, TUNED);

function openIoredis(spec: ClientSpec, onEvent: ClientEventSink, tuning: Tuning): Adapter {
  const redis =
    spec.mode === 'cluster'
      ? openCluster(spec, tuning)
      : new Redis({ ...tuning, ...connectOptions(spec, tuning) });
  // ioredis prints an 'error' event that has no listener; here it is recorded like the other events.
  redis.on('error', (error: Error) => onEvent('error', { message: error.message }));
  for (const event of EVENTS) redis.on(event, () => onEvent(event, {}));
  return stockAdapter(spec.client, spec, commandsOf(redis));
}

function commandsOf(redis: Redis | Cluster): StockCommands {
  const set = (key: string, value: string, ttlSeconds: number) => redis.set(key, value, 'EX', ttlSeconds);
  return {
    ping: () => redis.ping(),
    set,
    get: (key) => redis.get(key),
    incr: (key) => redis.incr(key),
    append: (key, text) => redis.append(key, text),
    // ioredis refuses commands and pipelines on keys in several slots, so such keys are sent one at a time.
    getMany: (keys) =>
      redis instanceof Cluster ? Promise.all(keys.map((key) => redis.get(key))) : redis.mget([...keys]),
    async setMany(entries, ttlSeconds) {
      if (redis instanceof Cluster) {
        await Promise.all(entries.map(([key, value]) => set(key, value, ttlSeconds)));
        return;
      }
      const pipeline = redis.pipeline();
      for (const [key, value] of entries) pipeline.set(key, value, 'EX', ttlSeconds);
      for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
    },
    close: async () => redis.disconnect(),
    isReply: (error) => error instanceof ReplyError,
  };
}

function connectOptions(spec: ClientSpec, { commandTimeout }: Tuning): Tuning {
  const auth = { username: spec.app.username, password: spec.app.password };
  if (spec.mode === 'sentinel') {
    return {
      ...auth,
      sentinels: spec.sentinels.map(({ host, port }) => ({ host, port })),
      name: spec.serviceName,
      sentinelUsername: spec.sentinel.username,
      sentinelPassword: spec.sentinel.password,
      ...(commandTimeout !== undefined && { sentinelCommandTimeout: commandTimeout }),
      ...(spec.natMap && { natMap: { ...spec.natMap } }),
      ...(spec.tls && { tls: spec.tls, sentinelTLS: spec.tls, enableTLSForSentinelMode: true }),
    };
  }
  const [address] = spec.redis;
  return { ...auth, host: address?.host ?? '', port: address?.port ?? 0, ...(spec.tls && { tls: spec.tls }) };
}

function openCluster({ redis, app, natMap, tls }: ClientSpec, tuning: Tuning): Cluster {
  const { connectTimeout, commandTimeout, retryStrategy } = tuning;
  return new Cluster([...redis], {
    ...(natMap && { natMap: { ...natMap } }),
    ...(retryStrategy && { clusterRetryStrategy: retryStrategy as (attempts: number) => number }),
    redisOptions: {
      ...(connectTimeout !== undefined && { connectTimeout }),
      ...(commandTimeout !== undefined && { commandTimeout }),
      username: app.username,
      password: app.password,
      ...(tls && { tls }),
    },
  });
}
