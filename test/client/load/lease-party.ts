/**
 * Helpers for tests of leases: servers with or without the function library, and parties that use a server like
 * separate processes.
 */

import type { Redis } from 'ioredis';
import { Emitter } from '../../../client/api/events.ts';
import { Breaker } from '../../../client/cache/breaker.ts';
import { resolveCache } from '../../../client/cache/options.ts';
import { Remote } from '../../../client/cache/remote.ts';
import { Statistics } from '../../../client/cache/statistics.ts';
import { PLACEHOLDER_BYTES, tokenOf } from '../../../client/codec/placeholder.ts';
import type { Mode, ScriptingTerms } from '../../../client/functions/procedures.ts';
import { LIBRARY } from '../../../client/functions/source.ts';
import { type LeaseHandle, Leases } from '../../../client/load/lease.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { monitorCommands } from '../../support/monitor.ts';
import type { RedisProcess } from '../../support/redis-process.ts';

export async function loadLibrary(redis: RedisProcess): Promise<void> {
  await redis.admin().call('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
}

/** Options that select each mode on a server without the library. */
export const SCRIPTING: Readonly<Record<Mode, ScriptingTerms>> = {
  functions: { loadFunctions: true, evalScripts: true },
  scripts: { loadFunctions: false, evalScripts: true },
  commands: { loadFunctions: false, evalScripts: false },
};

export interface LeasePartyOptions {
  readonly leaseMs?: number;
  readonly namespace?: string;
  readonly way?: Mode;
  readonly username?: string;
}

/** Acts as one process: it has a connection, leases, and handles that are released at the end. */
export class LeaseParty implements AsyncDisposable {
  readonly connection: CacheConnection;
  readonly breaker: Breaker;
  readonly remote: Remote;
  readonly leases: Leases;
  readonly #handles: LeaseHandle[] = [];

  constructor(
    redis: RedisProcess,
    { leaseMs = 2000, namespace = 'ns', way = 'functions', username }: LeasePartyOptions = {},
  ) {
    const user = username === undefined ? {} : { username, password: username };
    this.connection = openConnection(
      resolveConnection({ mode: 'standalone', address: redis.address, ...user }),
    );
    const statistics = new Statistics();
    this.breaker = new Breaker(resolveCache({}).breaker, () => Promise.resolve(), new Emitter());
    this.remote = new Remote(this.connection, this.breaker, statistics, true, SCRIPTING[way]);
    this.leases = new Leases(this.remote, { namespace, leaseMs });
  }

  handleOf(physical: string): LeaseHandle {
    const handle = this.leases.handleOf(physical);
    this.#handles.push(handle);
    return handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles) handle.abandon();
    this.leases.close();
    await this.connection.close();
  }
}

/** Distinguishes an entry in Redis from a lease in its key. */
export async function classifyStoredValue(
  redis: RedisProcess,
  key: string,
): Promise<'absent' | 'lease' | 'awaited' | 'entry'> {
  const value = await redis.admin().getBuffer(key);
  if (value === null) return 'absent';
  if (tokenOf(value) === undefined) return 'entry';
  return value[PLACEHOLDER_BYTES - 1] === 1 ? 'awaited' : 'lease';
}

/** Physical keys that have a lease, either a placeholder in the key or a separate lease key. */
export async function listLeasedKeys(redis: RedisProcess, namespace: string): Promise<readonly string[]> {
  const keys = await redis.admin().keys(`${namespace}:*`);
  const states = await Promise.all(keys.map((key) => classifyStoredValue(redis, key)));
  const beside = `${namespace}:~lease:`;
  return keys.filter((key, i) => key.startsWith(beside) || states[i] === 'lease' || states[i] === 'awaited');
}

/**
 * Names of the commands that clients send while `work` runs, without the commands that functions call inside the
 * server.
 */
export async function recordCommands(admin: Redis, work: () => Promise<unknown>): Promise<string[]> {
  const { host = '127.0.0.1', port = 6379 } = admin.options;
  const names: string[] = [];
  const end = `end ${Math.random()}`;
  let ended = (): void => {};
  const isEnded = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const stop = await monitorCommands({ host, port }, ({ source, args }) => {
    if (source !== 'lua') names.push(String(args[0]).toUpperCase());
    if (args[1] === end) ended();
  });
  try {
    await work();
    await admin.echo(end);
    await isEnded;
  } finally {
    stop();
  }
  return names.filter((name) => name !== 'ECHO' && name !== 'INFO' && name !== 'PING' && name !== 'ROLE');
}
