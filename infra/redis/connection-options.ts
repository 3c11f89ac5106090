/**
 * Options shared by all direct connections of the kit: they never retry or queue, because a missing reply is also a
 * result.
 */
import type { RedisOptions } from 'ioredis';

/** Options for a direct connection, to which each caller adds `tls`, address and credentials. */
export const DIRECT_CONNECTION = {
  // The reply formats that the kit's parsers expect.
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  disableClientInfo: true,
  maxRetriesPerRequest: 0,
  retryStrategy: null,
} as const satisfies RedisOptions;
