/**
 * One client under load, behind a common interface. Adapters keep each client's own behaviour: they add no retry and no
 * timeout, and hide nothing.
 */
import type { Durability, EnvironmentConfig } from '../../config/schema.ts';
import type { ClientEndpoints } from '../../infra/substrates/environment.ts';
import type { Address } from '../../infra/topology.ts';
import type { OperationKind, Source } from '../history/events.ts';
import type { PartSource } from './part-source.ts';

interface PlainCredentials {
  readonly username: string;
  readonly password: string;
}

/** Everything that a client needs, as plain data that can be passed to another thread. */
export interface ClientSpec {
  /** Name of the client. */
  readonly client: string;
  /** Extension module of the client; absent for a built-in client. */
  readonly extension?: PartSource;
  /** URL of the module that replaces the kit's client; absent for the kit's own client (`client-module.ts`). */
  readonly module?: string;
  readonly mode: ClientEndpoints['mode'];
  readonly serviceName: string;
  readonly redis: readonly Address[];
  readonly sentinels: readonly Address[];
  readonly db?: number;
  readonly shared?: true;
  readonly natMap?: ClientEndpoints['natMap'];
  readonly app: PlainCredentials;
  readonly sentinel: PlainCredentials;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly settings: EnvironmentConfig['client'];
}

/**
 * Returns the spec of a client, with its passwords in clear text: it is passed to a worker as worker data, or directly
 * to a client, never through a file or argv.
 */
export function clientSpec(
  client: string,
  endpoints: ClientEndpoints,
  settings: EnvironmentConfig['client'],
  module?: string,
): ClientSpec {
  const plainCredentials = (who: ClientEndpoints['app']) => ({
    username: who.username,
    password: who.password.reveal(),
  });
  const { tls } = endpoints;
  return {
    client,
    ...(module !== undefined && { module }),
    mode: endpoints.mode,
    serviceName: endpoints.serviceName,
    redis: endpoints.redis,
    sentinels: endpoints.sentinels,
    ...(endpoints.db !== undefined && { db: endpoints.db }),
    ...(endpoints.shared && { shared: endpoints.shared }),
    ...(endpoints.natMap && { natMap: endpoints.natMap }),
    app: plainCredentials(endpoints.app),
    sentinel: plainCredentials(endpoints.sentinel),
    ...(tls && {
      tls: {
        ca: tls.ca,
        ...(tls.cert !== undefined && { cert: tls.cert }),
        ...(tls.key && { key: tls.key.reveal() }),
      },
    }),
    settings,
  };
}

/** A completed operation: the source of the answer, and the answer. */
export interface Answer {
  readonly source: Source;
  /** Value that a read returned; null on a miss. */
  readonly value?: string | null;
  /** Values that a batch returned, in the order of its keys. */
  readonly values?: readonly (string | null)[];
  readonly replicas?: number;
  /**
   * Time at which the client received the answer, on the run's clock; absent if that is the same as the time at which
   * the answer is observed.
   */
  readonly atUs?: number;
}

/** Failure of an operation. `fail`: it was certainly not applied. `info`: it may have been applied. */
export interface Failure {
  readonly type: 'fail' | 'info';
  readonly code: string;
  readonly message: string;
  /** Time of the failure; see `atUs` of an answer. */
  readonly atUs?: number;
}

export interface Adapter {
  readonly client: string;
  /** Whether `set` supports durable writes. */
  readonly durable: boolean;
  physicalKey(key: string): string;
  /** Format in which `set`, `setMany` and `getOrCompute` store a value: unchanged, or in the client's envelope. */
  readonly encoding: Encoding;
  /** Resolves once the client reaches its master. */
  ready(): Promise<void>;
  /** Stores a value. @param ttlSeconds default: the environment's TTL */
  set(key: string, value: string, durability: Durability, ttlSeconds?: number): Promise<Answer>;
  get(key: string): Promise<Answer>;
  incr(key: string): Promise<Answer>;
  append(key: string, text: string): Promise<Answer>;
  getMany(keys: readonly string[]): Promise<Answer>;
  setMany(entries: ReadonlyMap<string, string>): Promise<Answer>;
  getOrCompute(key: string, load: () => Promise<string>): Promise<Answer>;
  /** Deletes a key; absent if the client cannot. */
  readonly delete?: ((key: string) => Promise<Answer>) | undefined;
  failure(kind: OperationKind, error: unknown): Failure;
  close(): Promise<void>;
}

/**
 * Conversion of the bytes stored under a physical key to the logical value. Keys of `incr` and `append` are always raw.
 */
export type Encoding = 'raw' | 'envelope';

/** A client's own events, as plain fields. */
export type ClientEventSink = (
  name: string,
  data: Readonly<Record<string, string | number | boolean | null>>,
) => void;
