/**
 * Connects a command to the data of an environment that the kit runs, or of an external Redis.
 *
 *   --env     ─▶ the running environment, its admin users   ─┐
 *   --url, …  ─▶ an external Redis, the rights of the user  ─┴▶ CacheData: every master, the master of a key, a cache
 *
 * The masters are resolved on each call, so a long-running command follows a failover. Nothing is written here.
 */
import type { Redis } from 'ioredis';
import { type Cache, openCache } from '../../client/index.ts';
import { KitError } from '../../config/errors.ts';
import { readExternalTarget } from '../../config/external-target.ts';
import { loadEnvironment } from '../../config/load.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { clientSpec } from '../../harness/workloads/adapter.ts';
import { type CacheOverrides, openKit } from '../../harness/workloads/kit.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import type { ClientEndpoints, Environment } from '../../infra/substrates/environment.ts';
import { inspectExternalTarget, type SubstrateName } from '../../infra/substrates/registry.ts';
import { type Address, CLUSTER_SLOTS, type SlotRange } from '../../infra/topology.ts';
import { requestedEnvironment, requireEnvironment } from '../find-environment.ts';
import type { DataOptions } from './data-options.ts';

/** A node that accepts writes, with an open connection. The connection belongs to `CacheData`. */
export interface DataMaster {
  readonly id: string;
  readonly address: Address;
  /** Slots that the master serves; all slots if there is no cluster. */
  readonly slots: readonly SlotRange[];
  /**
   * Connection as the admin user of an environment, or as the given user of an external Redis. Command timeout 2 s, no
   * retries.
   */
  readonly redis: Redis;
}

export interface CacheData extends AsyncDisposable {
  /** Name of the environment, or the addresses of the external Redis. */
  readonly name: string;
  readonly substrate: SubstrateName;
  readonly mode: ClientEndpoints['mode'];
  /** Connection details for a client; for an environment, those of the app user. */
  readonly endpoints: ClientEndpoints;
  /** Client settings, with the namespace of this command. */
  readonly settings: EnvironmentConfig['client'];
  readonly db: number;
  /** The environment; undefined for an external Redis. */
  readonly environment: Environment | undefined;
  /**
   * Returns every node that accepts writes, ordered by slots.
   * @throws KitError `NO_MASTER`, `NODE_UNREACHABLE`, `EXTERNAL_…`
   */
  masters(): Promise<readonly DataMaster[]>;
  /** Returns the master of a physical key. @throws the same errors as `masters` */
  masterOf(key: string | Buffer): Promise<DataMaster>;
  /**
   * Opens a client cache with the environment's namespace and settings, as an application does, but without the memory
   * fallback, so that no operation succeeds without Redis. The caller closes the cache.
   */
  openCache(overrides?: CacheOverrides): Cache;
}

/**
 * @throws KitError `ENVIRONMENT_NOT_FOUND`, `SECRETS_CHANGED`, `EXTERNAL_…`, `USAGE` for a database that cannot exist
 */
export async function openCacheData(options: DataOptions): Promise<CacheData> {
  const isExternal = options.substrate === 'external' || addressFlagOf(options) !== undefined;
  if (!isExternal) return openEnvironment(options);
  if (options.substrate !== undefined && options.substrate !== 'external') {
    throw usage(
      `${addressFlagOf(options)} requires --substrate external, got ${options.substrate}`,
      'remove one of the two options',
    );
  }
  return openExternal(options);
}

function addressFlagOf({ url, sentinels, cluster }: DataOptions): string | undefined {
  if (url !== undefined) return '--url';
  if (sentinels !== undefined) return '--sentinels';
  return cluster === undefined ? undefined : '--cluster';
}

async function openEnvironment(options: DataOptions): Promise<CacheData> {
  const { env, set, substrate } = options;
  const named = substrate === 'external' ? undefined : substrate;
  const requested = requestedEnvironment({ env, set });
  const { environment } = await requireEnvironment(named, requested);
  const { topology } = environment;
  const db = options.db ?? environment.endpoints.db ?? 0;
  const slotsOf = async (): Promise<readonly { id: string; slots: readonly SlotRange[] }[]> => {
    if (environment.cluster !== undefined) {
      return (await environment.cluster.shards()).map(({ master, slots }) => ({ id: master, slots }));
    }
    const id = await environment.masterId();
    if (id === undefined) throw noMaster(environment.name);
    return [{ id, slots: ALL_SLOTS }];
  };
  const select = databaseSelector(db);
  return assemble(options, {
    name: environment.name,
    substrate: environment.substrate,
    endpoints: environment.endpoints,
    client: topology.environment.client,
    db,
    environment,
    masters: async () => {
      const status = await environment.status();
      return Promise.all(
        (await slotsOf()).map(async ({ id, slots }) => ({
          id,
          slots,
          address: status.find((node) => node.id === id)?.address ?? { host: id, port: 0 },
          redis: await select(await environment.admin(id)),
        })),
      );
    },
    close: async () => environment[Symbol.asyncDispose](),
  });
}

async function openExternal(options: DataOptions): Promise<CacheData> {
  const target = readExternalTarget(options);
  const found = await inspectExternalTarget(target);
  const db = options.db ?? target.db;
  const select = databaseSelector(db);
  const open = new Map<string, Redis>();
  return assemble(options, {
    name: target.addresses.map(({ host, port }) => `${host}:${port}`).join(','),
    substrate: 'external',
    endpoints: found.endpoints,
    client: loadEnvironment(options.env, options.set).client,
    db,
    environment: undefined,
    masters: async () => {
      const { masters, connect } = await inspectExternalTarget(target);
      return Promise.all(
        masters.map(async (master) => {
          const at = `${master.address.host}:${master.address.port}`;
          const known = open.get(at);
          const redis = known?.status === 'ready' ? known : await connect(master);
          open.set(at, redis);
          return { id: master.id, address: master.address, slots: master.slots, redis: await select(redis) };
        }),
      );
    },
    close: async () => {
      for (const redis of open.values()) redis.disconnect();
    },
  });
}

interface Parts
  extends Pick<CacheData, 'name' | 'substrate' | 'endpoints' | 'db' | 'environment' | 'masters'> {
  readonly client: EnvironmentConfig['client'];
  readonly close: () => Promise<void>;
}

function assemble({ namespace }: DataOptions, parts: Parts): CacheData {
  const { client, close, endpoints, db, masters, ...facts } = parts;
  if (endpoints.mode === 'cluster' && db !== 0) {
    void close();
    throw usage(`a cluster has only database 0, got ${db}`, 'omit --db');
  }
  const settings = { ...client, ...(namespace !== undefined && { namespace }) };
  return {
    ...facts,
    endpoints,
    db,
    settings,
    masters,
    mode: endpoints.mode,
    masterOf: async (key) => {
      const owner = ownerOf(await masters(), key);
      if (owner === undefined) throw noMaster(facts.name, `no master serves slot ${keySlot(key)}`);
      return owner;
    },
    openCache: (overrides = {}) =>
      openKit(
        clientSpec('kit', { ...endpoints, db }, settings),
        { openCache },
        {
          fallbackEntries: 0,
          ...overrides,
        },
      ),
    [Symbol.asyncDispose]: close,
  };
}

const ALL_SLOTS: readonly SlotRange[] = [[0, CLUSTER_SLOTS - 1]];

/** Returns the master of a physical key; undefined if none serves its slot. */
export function ownerOf(masters: readonly DataMaster[], key: string | Buffer): DataMaster | undefined {
  const slot = keySlot(key);
  return masters.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
}

/** Returns a function that selects the database, once per connection. */
function databaseSelector(db: number): (redis: Redis) => Promise<Redis> {
  const selected = new WeakSet<Redis>();
  return async (redis) => {
    if (db !== 0 && !selected.has(redis)) {
      await redis.select(db).catch((error: Error) => {
        throw usage(`database ${db} cannot be used: ${error.message}`, 'change --db');
      });
      selected.add(redis);
    }
    return redis;
  };
}

function usage(message: string, hint: string): KitError {
  return new KitError(message, { code: 'USAGE', where: 'command line', hint });
}

function noMaster(name: string, why = 'no node accepts writes'): KitError {
  return new KitError(`'${name}' has no master: ${why}`, {
    code: 'NO_MASTER',
    exitCode: 3,
    hint: 'run kit status to check the nodes; see docs/runbook.md, "No master"',
  });
}
