/**
 * Built-in clients that a drill can run, the kit's own first. Data only. `kit drill --clients` chooses among them; a
 * readiness run compares with `DEFAULT_CLIENTS`, because each additional client takes CPU time from the others.
 */

export interface ClientFacts {
  /** npm package of the client; absent if the client is part of the kit or one of its dependencies. */
  readonly package?: string;
  /** Topologies that the client supports. */
  readonly topologies: readonly ('single' | 'sentinel' | 'cluster')[];
  /** Reason why the client does not support the other topologies. */
  readonly limit?: string;
  /** Version of a client from an extension module; any other client has the version of its package. */
  readonly version?: string;
}

export const ALL_TOPOLOGIES: ClientFacts['topologies'] = ['single', 'sentinel', 'cluster'];

export const CLIENTS = {
  kit: { topologies: ALL_TOPOLOGIES },
  /** Sets only the options that are required to connect. */
  ioredis: { topologies: ALL_TOPOLOGIES },
  /** Sets `failoverDetector`, timeouts of 1 s, and short delays between attempts. */
  'ioredis-tuned': { topologies: ALL_TOPOLOGIES },
  'node-redis': { package: 'redis', topologies: ALL_TOPOLOGIES },
  'node-redis-5': { package: 'redis-5', topologies: ALL_TOPOLOGIES },
  glide: {
    package: '@valkey/valkey-glide',
    topologies: ['single', 'cluster'],
    limit: 'it does not support Sentinel',
  },
} as const satisfies Readonly<Record<string, ClientFacts>>;

/** Name of a built-in client. Extension modules add others. */
export type ClientName = keyof typeof CLIENTS;

export const CLIENT_NAMES = Object.keys(CLIENTS) as readonly ClientName[];

/** Clients that a comparison includes if `--clients` is not given. */
export const DEFAULT_CLIENTS: readonly ClientName[] = ['kit', 'ioredis'];
