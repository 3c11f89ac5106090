/** Options that all direct connections of the kit share: they never retry or queue, so a missing reply is a result, too. */
import type { RedisOptions } from 'ioredis';

/** Without `tls`, address and credentials, which each caller adds. */
export const DIRECT_CONNECTION = {
  // The reply formats that the parsers of the kit read.
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  disableClientInfo: true,
  maxRetriesPerRequest: 0,
  retryStrategy: null,
} as const satisfies RedisOptions;
