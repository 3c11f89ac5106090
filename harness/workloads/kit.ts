/**
 * The kit's client as an application uses it: with the environment's settings, and with defaults for everything else.
 * Sets and reads use the cache; INCR and APPEND use its supervised connection.
 */
import type { Cache, CacheOptions } from '../../client/index.ts';
import { CacheError } from '../../client/index.ts';
import type { ConnectionOptions, SentinelOptions } from '../../client/types.ts';
import type { OperationKind } from '../history/events.ts';
import type { Adapter, Answer, ClientEventSink, ClientSpec, Failure } from './adapter.ts';
import type { ClientModule } from './client-module.ts';

/**
 * Options that a caller may set in addition to the environment's settings; identity and connection come from the spec.
 */
export type CacheOverrides = CacheOptions & Omit<ConnectionOptions, 'username' | 'password'>;

/** Additional options of a script: another login, and reads from replicas if there are any. */
export type OpenOverrides = CacheOverrides &
  Pick<ConnectionOptions, 'username' | 'password'> &
  Pick<SentinelOptions, 'replicaReads'>;

export function kitAdapter(spec: ClientSpec, onEvent: ClientEventSink, client: ClientModule): Adapter {
  return adaptCache(openKit(spec, client), onEvent);
}

/** Wraps an open cache as an adapter. */
export function adaptCache(cache: Cache, onEvent: ClientEventSink): Adapter {
  cache.on(({ type, ...fields }) => onEvent(type, flattenData(fields)));
  const connection = cache.connection;
  if (connection === undefined) throw new Error('a cache on Redis must have a connection');
  const physicalKey = (key: string) => cache.physicalKey(key);
  const sendDirect = async (command: string, key: string, ...args: readonly string[]): Promise<Answer> => ({
    source: 'redis',
    value: String(await connection.call(command, physicalKey(key), ...args)),
  });
  return {
    client: 'kit',
    durable: true,
    encoding: 'envelope',
    physicalKey,
    async ready() {
      await cache.ping();
    },
    async set(key, value, durability, ttlSeconds) {
      return receiptAnswer(
        await cache.set(key, value, { durability, ...(ttlSeconds !== undefined && { ttlSeconds }) }),
      );
    },
    async get(key) {
      const lookup = await cache.lookup<string>(key);
      return { source: lookup.source, value: lookup.found ? lookup.value : null };
    },
    incr: (key) => sendDirect('INCR', key),
    append: (key, text) => sendDirect('APPEND', key, text),
    async getMany(keys) {
      const lookups = await cache.lookupMany<string>(keys);
      const source = [...lookups.values()].some((lookup) => lookup.source === 'memory') ? 'memory' : 'redis';
      const values = keys.map((key) => {
        const lookup = lookups.get(key);
        return lookup?.found ? lookup.value : null;
      });
      return { source, value: hitsOf(values), values };
    },
    setMany: async (entries) => receiptAnswer(await cache.setMany(entries)),
    async getOrCompute(key, load) {
      const { source, value } = await cache.getOrComputeEntry(key, load);
      return { source, value };
    },
    async delete(key) {
      const deleted = await cache.delete(key);
      return { source: deleted > 0 ? 'redis' : 'memory', value: String(deleted) };
    },
    failure: kitFailure,
    close: async () => void (await cache.close()),
  };
}

/** Returns how many keys of a batch were found. */
function hitsOf(values: readonly (string | null)[]): string {
  return String(values.filter((value) => value !== null).length);
}

/** Opens the cache on the environment's master, with the environment's settings. */
export function openKit(
  spec: ClientSpec,
  { openCache }: Pick<ClientModule, 'openCache'>,
  overrides: OpenOverrides = {},
): Cache {
  const { app, sentinel, tls } = spec;
  const { hangSuspectedMs, ...settings } = spec.settings;
  const { replicaReads, ...own } = overrides;
  const replicated = replicaReads && { replicaReads };
  // A server without users does not accept AUTH, so no user name is sent.
  const login = app.password === '' ? {} : app;
  const common = {
    ...settings,
    ...(hangSuspectedMs !== undefined && { hangSuspectedMs }),
    ...login,
    ...(tls && { tls }),
    ...(spec.db !== undefined && { db: spec.db }),
    ...own,
    // Leases use keys and messages outside the cache's prefix; libraries and scripts belong to the whole server.
    ...(spec.shared && {
      compute: { ...own.compute, leaseMs: 0 },
      scripting: { loadFunctions: false, evalScripts: false },
    }),
  };
  if (spec.mode === 'sentinel') {
    const { sentinels, serviceName } = spec;
    return openCache({
      ...common,
      ...replicated,
      mode: 'sentinel',
      sentinels,
      serviceName,
      ...(sentinel.password !== '' && {
        sentinelUsername: sentinel.username,
        sentinelPassword: sentinel.password,
      }),
      ...(spec.natMap && { natMap: spec.natMap }),
    });
  }
  if (spec.mode === 'cluster') {
    const { natMap, redis: nodes } = spec;
    // A cluster connection is always supervised and has no such option.
    const { supervision: _always, ...rest } = common;
    return openCache({ ...rest, ...replicated, mode: 'cluster', nodes, ...(natMap && { natMap }) });
  }
  const [address] = spec.redis;
  if (address === undefined) throw new Error('a standalone client must have an address');
  return openCache({ ...common, mode: 'standalone', address });
}

function receiptAnswer({
  source,
  replicas,
}: {
  source: 'redis' | 'memory' | 'none';
  replicas?: number;
}): Answer {
  if (source === 'none') throw new Error('no tier accepted the write');
  return { source, ...(replicas !== undefined && { replicas }) };
}

/** Converts an error to a failure. The client reports the outcome of the command with every error. */
function kitFailure(_kind: OperationKind, error: unknown): Failure {
  if (error instanceof CacheError) {
    const { code, message, outcome } = error;
    return { type: outcome === 'not-applied' ? 'fail' : 'info', code, message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'fail', code: 'NOT_STORED', message };
}

/** Flattens the fields of an event to one level: an address becomes `host:port`. */
function flattenData(
  fields: Readonly<Record<string, unknown>>,
): Record<string, string | number | boolean | null> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, scalarOf(value)]));
}

function scalarOf(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value !== null && typeof value === 'object' && 'host' in value && 'port' in value) {
    return `${value.host}:${value.port}`;
  }
  return value === undefined || value === null ? null : JSON.stringify(value);
}
