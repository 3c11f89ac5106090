/**
 * Stock node-redis, version 6 or 5, with its defaults: only the options that are required to connect are set, so that
 * it uses its own Sentinel support, offline queue and retries.
 */
import { CLIENTS } from '../../drills/clients.ts';
import type { Adapter, ClientEventSink, ClientSpec } from '../adapter.ts';
import { loadPackage } from './packages.ts';
import { type StockCommands, stockAdapter } from './stock-adapter.ts';

const EVENTS = ['connect', 'ready', 'reconnecting', 'end', 'topology-change'] as const;

interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

interface SocketOptions {
  readonly tls?: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

interface ConnectionOptions {
  readonly username: string;
  readonly password: string;
  readonly socket?: SocketOptions & Partial<NodeAddress>;
}

/** The part of the node-redis API that the adapter uses; it is the same in both versions. */
interface NodeRedisClient {
  on(event: string, listener: (argument?: unknown) => void): unknown;
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  set(key: string, value: string, options: { readonly EX: number }): Promise<unknown>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  append(key: string, text: string): Promise<number>;
  mGet(keys: readonly string[]): Promise<readonly (string | null)[]>;
  destroy(): unknown;
}

interface NodeRedis {
  createClient(options: ConnectionOptions): NodeRedisClient;
  createSentinel(options: {
    readonly name: string;
    readonly sentinelRootNodes: readonly NodeAddress[];
    readonly sentinelClientOptions: ConnectionOptions;
    readonly nodeClientOptions: ConnectionOptions;
    readonly nodeAddressMap?: ClientSpec['natMap'];
  }): NodeRedisClient;
  createCluster(options: {
    readonly rootNodes: readonly ConnectionOptions[];
    readonly defaults: ConnectionOptions;
    readonly nodeAddressMap?: ClientSpec['natMap'];
  }): NodeRedisClient;
  readonly ErrorReply: new () => Error;
}

export async function nodeRedisAdapter(spec: ClientSpec, onEvent: ClientEventSink): Promise<Adapter> {
  const name = spec.client === 'node-redis-5' ? spec.client : 'node-redis';
  const nodeRedis = await loadPackage<NodeRedis>(CLIENTS[name].package);
  const client = openClient(nodeRedis, spec);
  // An 'error' event without a listener terminates the thread.
  client.on('error', (error) => onEvent('error', { message: messageOf(error) }));
  for (const event of EVENTS) client.on(event, () => onEvent(event, {}));
  await client.connect();
  return stockAdapter(spec.client, spec, commandsOf(client, nodeRedis, spec));
}

function openClient(nodeRedis: NodeRedis, spec: ClientSpec): NodeRedisClient {
  const { app, sentinel, tls, natMap } = spec;
  const socket = tls && { tls: true, ...tls };
  const login = ({ username, password }: ClientSpec['app']): ConnectionOptions => ({
    ...{ username, password },
    ...(socket && { socket }),
  });
  const mapped = natMap && { nodeAddressMap: natMap };
  if (spec.mode === 'sentinel') {
    return nodeRedis.createSentinel({
      name: spec.serviceName,
      sentinelRootNodes: spec.sentinels.map(({ host, port }) => ({ host, port })),
      sentinelClientOptions: login(sentinel),
      nodeClientOptions: login(app),
      ...mapped,
    });
  }
  const at = ({ host, port }: NodeAddress) => ({ ...login(app), socket: { ...socket, host, port } });
  if (spec.mode === 'cluster')
    return nodeRedis.createCluster({ rootNodes: spec.redis.map(at), defaults: login(app), ...mapped });
  const [address = { host: '', port: 0 }] = spec.redis;
  return nodeRedis.createClient(at(address));
}

function commandsOf(client: NodeRedisClient, { ErrorReply }: NodeRedis, { mode }: ClientSpec): StockCommands {
  const set = (key: string, value: string, ttlSeconds: number) => client.set(key, value, { EX: ttlSeconds });
  return {
    // The cluster client has no PING, so a GET is sent instead.
    ping: () => (mode === 'cluster' ? client.get('ping') : client.ping()),
    set,
    get: (key) => client.get(key),
    incr: (key) => client.incr(key),
    append: (key, text) => client.append(key, text),
    getMany: (keys) =>
      mode === 'cluster' ? Promise.all(keys.map((key) => client.get(key))) : client.mGet(keys),
    // Commands issued in one tick share a pipeline.
    setMany: (entries, ttlSeconds) => Promise.all(entries.map(([key, value]) => set(key, value, ttlSeconds))),
    close: async () => void (await client.destroy()),
    isReply: (error) => error instanceof ErrorReply,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
