/** An environment for the operator's commands: local processes, Docker, or an external Redis. */
import type { Redis } from 'ioredis';
import type { Cache } from '../../../client/index.ts';
import type { SubstrateName } from '../../../infra/substrates/registry.ts';
import { type CacheData, openCacheData } from '../../../scripts/cache/cache-data.ts';
import type { DataOptions } from '../../../scripts/cache/data-options.ts';
import { callKit, type KitCall } from '../../support/kit-call.ts';

/** Namespace in every environment file. */
export const NAMESPACE = 'shop';

export interface CommandPlace extends AsyncDisposable {
  /**
   * Options that select the environment: its file, and the URL of an external Redis. The environment has the namespace
   * `NAMESPACE`, maxmemory 256mb and allkeys-lru.
   */
  readonly options: Pick<DataOptions, 'env' | 'url'>;
  readonly substrate: SubstrateName;
  /** Nodes with the names that `kit top` shows, the master first. */
  readonly nodes: readonly PlacedNode[];
}

export interface PlacedNode {
  readonly id: string;
  readonly role: 'master' | 'replica';
  /** `host:port` */
  readonly address: string;
}

/** An open environment, with access to its data, so that tests can prepare and check the commands. */
export interface OpenPlace {
  readonly place: CommandPlace;
  readonly data: CacheData;
  /** A cache as an application uses it. */
  readonly cache: Cache;
  /** Connection to the master. */
  readonly admin: Redis;
  /** Runs a command with the options of the environment. */
  readonly on: (command: string, ...args: readonly string[]) => Promise<KitCall>;
  /** Directory for files that the tests write. */
  readonly dir: string;
}

/** Arguments of a command that select the environment. */
export function argsOf({ options: { env, url } }: CommandPlace): readonly string[] {
  return ['--env', env, ...(url === undefined ? [] : ['--url', url])];
}

export async function openPlace(place: CommandPlace, dir: string): Promise<OpenPlace> {
  const data = await openCacheData({ set: {}, ...place.options });
  const [master] = await data.masters();
  if (master === undefined) throw new Error('the environment has no master');
  return {
    place,
    data,
    cache: data.openCache(),
    admin: master.redis,
    on: (command, ...args) => callKit(command, ...args, ...argsOf(place)),
    dir,
  };
}

/** Nodes of an environment, from its status. */
export async function nodesOfEnvironment(file: string): Promise<readonly PlacedNode[]> {
  await using data = await openCacheData({ env: file, set: {} });
  const { environment } = data;
  if (environment === undefined) throw new Error(`${file} is not an environment`);
  const redis = environment.topology.redis.map(({ id }) => id);
  return (await environment.status())
    .filter(({ id }) => redis.includes(id))
    .map(({ id, address: { host, port } }, i) => ({
      id,
      role: i === 0 ? 'master' : 'replica',
      address: `${host}:${port}`,
    }));
}

export async function jsonOf<T>(call: Promise<KitCall>): Promise<T> {
  const { out, err } = await call;
  try {
    return JSON.parse(out) as T;
  } catch {
    throw new Error(`not JSON: ${out}${err}`);
  }
}
