/**
 * Stock Valkey GLIDE 2 with its defaults: only the options required to connect are set. GLIDE does not support
 * Sentinel.
 */
import { CLIENTS } from '../../drills/clients.ts';
import type { Adapter, ClientEventSink, ClientSpec } from '../adapter.ts';
import { loadPackage } from './packages.ts';
import { type StockCommands, stockAdapter } from './stock-adapter.ts';

interface Options {
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly credentials: { readonly username: string; readonly password: string };
  readonly useTLS: boolean;
  readonly addressResolver?: (host: string, port: number) => [string, number];
  readonly advancedConfiguration?: {
    readonly tlsAdvancedConfiguration: {
      readonly rootCertificates: Buffer;
    };
  };
}

interface GlideClient {
  ping(): Promise<unknown>;
  set(
    key: string,
    value: string,
    options: { readonly expiry: { readonly type: string; readonly count: number } },
  ): Promise<unknown>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  append(key: string, text: string): Promise<number>;
  mget(keys: readonly string[]): Promise<readonly (string | null)[]>;
  close(): void;
}

interface Glide {
  readonly GlideClient: { createClient(options: Options): Promise<GlideClient> };
  readonly GlideClusterClient: { createClient(options: Options): Promise<GlideClient> };
  readonly TimeUnit: { readonly Seconds: string };
  readonly Logger: { setLoggerConfig(level: 'off'): void };
}

/** Matches error replies. GLIDE has no separate class for them: the message of a `RequestError` identifies them. */
const REPLY = /^An error was signalled by the server/;

export async function glideAdapter(spec: ClientSpec, onEvent: ClientEventSink): Promise<Adapter> {
  if (spec.mode === 'sentinel') throw new Error(`glide: ${CLIENTS.glide.limit}`);
  const glide = await loadPackage<Glide>(CLIENTS.glide.package);
  const { GlideClient, GlideClusterClient, TimeUnit } = glide;
  // By default, GLIDE writes warnings to stdout, which is reserved for the report.
  glide.Logger.setLoggerConfig('off');
  const own = spec.mode === 'cluster' ? GlideClusterClient : GlideClient;
  const client = await own.createClient(optionsOf(spec));
  onEvent('ready', {});
  return stockAdapter(spec.client, spec, commandsOf(client, TimeUnit.Seconds));
}

function optionsOf({ redis, app, tls, natMap }: ClientSpec): Options {
  const toReach = (host: string, port: number): [string, number] => {
    const mapped = natMap?.[`${host}:${port}`];
    return mapped === undefined ? [host, port] : [mapped.host, mapped.port];
  };
  return {
    addresses: redis.map(({ host, port }) => ({ host, port })),
    credentials: { username: app.username, password: app.password },
    useTLS: tls !== undefined,
    ...(natMap && { addressResolver: toReach }),
    ...(tls && {
      advancedConfiguration: { tlsAdvancedConfiguration: { rootCertificates: Buffer.from(tls.ca) } },
    }),
  };
}

function commandsOf(client: GlideClient, type: string): StockCommands {
  const set = (key: string, value: string, ttlSeconds: number) =>
    client.set(key, value, { expiry: { type, count: ttlSeconds } });
  return {
    ping: () => client.ping(),
    set,
    get: (key) => client.get(key),
    incr: (key) => client.incr(key),
    append: (key, text) => client.append(key, text),
    getMany: (keys) => client.mget(keys),
    setMany: (entries, ttlSeconds) => Promise.all(entries.map(([key, value]) => set(key, value, ttlSeconds))),
    close: async () => client.close(),
    isReply: (error) => error instanceof Error && error.name === 'RequestError' && REPLY.test(error.message),
  };
}
