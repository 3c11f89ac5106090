/** Names of all options for caches, connections and individual calls. */
import type { ComputeCallOptions, ComputeDefaults, ComputeOptions } from '../api/call-options.ts';
import type {
  Address,
  ClusterOptions,
  ConnectionOptions,
  Durability,
  ReplicaReads,
  SentinelOptions,
  StandaloneOptions,
  TlsOptions,
} from '../api/connection.ts';
import type { BreakerOptions, CacheOptions, L1Options, ScriptingOptions } from '../api/types.ts';
import { allNames, assertOptions, type OptionNames, optionNames } from './option-names.ts';

const TERMS = {
  staleWhileRevalidateSeconds: true,
  graceSeconds: true,
  graceBackoffMs: true,
  softTimeoutMs: true,
  hardTimeoutMs: true,
  earlyRefresh: true,
  ttlJitter: true,
  negativeTtlSeconds: true,
} as const satisfies Record<keyof ComputeOptions, true>;

/** Names of the options that any call accepts, because `get`, `set` and `getOrCompute` may share one options object. */
export const CALL_OPTIONS = optionNames<ComputeCallOptions<unknown>>({
  ...TERMS,
  ttlSeconds: true,
  durability: true,
  schema: true,
  schemaId: true,
  tags: true,
});

/** Checks the options of a call. @throws ConfigurationError if they are not an object, or if an option is unknown */
export function assertCallOptions(options: object | undefined): void {
  if (options !== undefined) assertOptions('', options, CALL_OPTIONS);
}

export const CACHE_OPTIONS = optionNames<CacheOptions>({
  l1: true,
  namespace: true,
  defaultTtlSeconds: true,
  breaker: true,
  fallbackEntries: true,
  fallbackBytes: true,
  durability: true,
  domains: true,
  codecs: true,
  defaultCodec: true,
  deflateAboveBytes: true,
  compute: true,
  scripting: true,
  enabled: true,
});

const CONNECTION = {
  username: true,
  password: true,
  db: true,
  tls: true,
  connectTimeoutMs: true,
  commandTimeoutMs: true,
  hangSuspectedMs: true,
  poolSize: true,
  maxInFlight: true,
  supervision: true,
} as const satisfies Record<keyof ConnectionOptions, true>;

export const CONNECTION_OPTIONS: Readonly<Record<'standalone' | 'sentinel' | 'cluster', OptionNames>> = {
  standalone: optionNames<StandaloneOptions>({ ...CONNECTION, mode: true, address: true }),
  sentinel: optionNames<SentinelOptions>({
    ...CONNECTION,
    mode: true,
    sentinels: true,
    serviceName: true,
    sentinelUsername: true,
    sentinelPassword: true,
    natMap: true,
    replicaReads: true,
  }),
  cluster: optionNames<ClusterOptions>({
    ...CONNECTION,
    mode: true,
    nodes: true,
    natMap: true,
    replicaReads: true,
  }),
};

const URL_OPTION: OptionNames = new Set(['url']);
const without = (names: OptionNames, name: string): OptionNames =>
  new Set([...names].filter((each) => each !== name));

/** Options for the factories that set `mode` themselves. */
export const REDIS_CACHE_OPTIONS = without(
  allNames(CACHE_OPTIONS, CONNECTION_OPTIONS.standalone, URL_OPTION),
  'mode',
);
export const SENTINEL_CACHE_OPTIONS = without(allNames(CACHE_OPTIONS, CONNECTION_OPTIONS.sentinel), 'mode');
export const CLUSTER_CACHE_OPTIONS = without(allNames(CACHE_OPTIONS, CONNECTION_OPTIONS.cluster), 'mode');

export const L1 = optionNames<L1Options>({
  maxEntries: true,
  maxBytes: true,
  ttlSeconds: true,
  prefixes: true,
  boundMs: true,
});
export const BREAKER = optionNames<BreakerOptions>({
  enabled: true,
  threshold: true,
  sampling: true,
  openMs: true,
  probeIntervalMs: true,
});
export const SAMPLING = optionNames<NonNullable<BreakerOptions['sampling']>>({
  failureRatio: true,
  minCalls: true,
  windowMs: true,
});
export const COMPUTE = optionNames<ComputeDefaults>({ ...TERMS, leaseMs: true, replyTimeoutMs: true });
export const SCRIPTING = optionNames<ScriptingOptions>({ loadFunctions: true, evalScripts: true });
export const DURABILITY = optionNames<Exclude<Durability, 'async'>>({ replicas: true, timeoutMs: true });
export const TLS = optionNames<TlsOptions>({ ca: true, cert: true, key: true, serverName: true });
export const ADDRESS = optionNames<Address>({ host: true, port: true });
export const REPLICA_READS = optionNames<ReplicaReads>({ maxStalenessMs: true });
