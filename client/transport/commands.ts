/**
 * Commands that may be sent again after a lost reply, because they change nothing. Unknown commands count as writes.
 */
const READS = new Set(
  (
    'GET MGET GETRANGE STRLEN EXISTS TTL PTTL EXPIRETIME PEXPIRETIME TYPE SCAN KEYS DBSIZE RANDOMKEY OBJECT DUMP ' +
    'HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSCAN HSTRLEN HRANDFIELD LLEN LRANGE LINDEX LPOS ' +
    'SCARD SISMEMBER SMISMEMBER SMEMBERS SSCAN SINTER SUNION SDIFF SRANDMEMBER SINTERCARD ' +
    'ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZRANK ZREVRANK ZSCORE ZMSCORE ZSCAN ZLEXCOUNT ' +
    'GETBIT BITCOUNT BITPOS PFCOUNT XLEN XRANGE XREVRANGE GEOPOS GEODIST GEOSEARCH ' +
    'PING ECHO TIME ROLE INFO LASTSAVE MEMORY'
  ).split(' '),
);

/** Frequent commands of a cache, looked up without conversion to upper case. */
const WRITES = new Set(['SET', 'UNLINK', 'FCALL', 'EVALSHA']);

export function isRead(command: string): boolean {
  return READS.has(command) || (!WRITES.has(command) && READS.has(command.toUpperCase()));
}

/** One argument of a command. */
export type Argument = string | number | Buffer;

export interface CallOptions {
  readonly buffers?: boolean;
  /** Once a first master has been found, fails at once instead of waiting for a master. */
  readonly failFast?: boolean;
  /**
   * Whether the command is part of a sequence on one connection. If so, it is sent now or not at all, and is never
   * postponed or repeated.
   */
  readonly once?: boolean;
  /**
   * Whether a replica may reply, if `replicaReads` allows it and the command only reads. Default: the master replies.
   */
  readonly replica?: boolean;
}

/** Sends a command and calls `resolve` or `reject` once. `startedAt`: start of the command's deadline. */
export type Submit = (
  command: string,
  args: readonly Argument[],
  options: CallOptions,
  startedAt: number,
  resolve: (reply: unknown) => void,
  reject: (error: Error) => void,
) => void;
