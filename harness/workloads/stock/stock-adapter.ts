/**
 * A stock client as an adapter: raw values under `<namespace>:<key>`, and the cache-aside of an application that has no
 * cache client. Each client adds its commands and its errors, and nothing else: no retry, no timeout.
 */
import type { OperationKind } from '../../history/events.ts';
import type { Adapter, Answer, ClientSpec, Failure } from '../adapter.ts';

/** Commands of a stock client, on physical keys. */
export interface StockCommands {
  ping(): Promise<unknown>;
  set(key: string, value: string, ttlSeconds: number): Promise<unknown>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
  append(key: string, text: string): Promise<number>;
  /** Reads several keys, in one batch unless the keys belong to several nodes. */
  getMany(keys: readonly string[]): Promise<readonly (string | null)[]>;
  setMany(entries: readonly (readonly [key: string, value: string])[], ttlSeconds: number): Promise<unknown>;
  /**
   * Returns the cached value, or loads and stores it. If this method is absent, the cache-aside of `stockAdapter`
   * applies.
   */
  getOrCompute?(key: string, load: () => Promise<string>, ttlSeconds: number): Promise<string>;
  close(): Promise<unknown>;
  /**
   * Whether the error is a Redis reply: the command was refused. Any other error may occur even though the command was
   * applied.
   */
  isReply(error: unknown): boolean;
}

/** Kinds of operation that change data: without an answer, their outcome is unknown. */
const WRITES: ReadonlySet<OperationKind> = new Set(['set', 'setMany', 'incr', 'append', 'delete']);

export function stockAdapter(client: string, spec: ClientSpec, commands: StockCommands): Adapter {
  const { namespace, defaultTtlSeconds } = spec.settings;
  const physicalKey = (key: string) => `${namespace}:${key}`;
  return {
    client,
    durable: false,
    encoding: 'raw',
    physicalKey,
    async ready() {
      await commands.ping();
    },
    async set(key, value, _durability, ttlSeconds = defaultTtlSeconds) {
      await commands.set(physicalKey(key), value, ttlSeconds);
      return { source: 'redis' };
    },
    get: async (key) => ({ source: 'redis', value: await commands.get(physicalKey(key)) }),
    incr: async (key) => ({ source: 'redis', value: String(await commands.incr(physicalKey(key))) }),
    append: async (key, text) => ({
      source: 'redis',
      value: String(await commands.append(physicalKey(key), text)),
    }),
    async getMany(keys) {
      const values = await commands.getMany(keys.map(physicalKey));
      return { source: 'redis', value: String(values.filter((value) => value !== null).length), values };
    },
    async setMany(entries) {
      const physical = [...entries].map(([key, value]) => [physicalKey(key), value] as const);
      await commands.setMany(physical, defaultTtlSeconds);
      return { source: 'redis' };
    },
    // Cache-aside as in requirements document 004, section 7: after a Redis error the value is computed, and the call
    // does not wait until it is stored.
    async getOrCompute(key, load) {
      if (commands.getOrCompute !== undefined) return computeWith(commands, physicalKey(key), load, spec);
      const cached = await commands.get(physicalKey(key)).catch(() => null);
      if (cached !== null) return { source: 'redis', value: cached };
      const value = await load();
      commands.set(physicalKey(key), value, defaultTtlSeconds).catch(() => undefined);
      return { source: 'loader', value };
    },
    failure: (kind, error) => stockFailure(kind, error, commands),
    async close() {
      await commands.close();
    },
  };
}

/** Computes with the client's own method. The value was loaded if this call invoked the loader. */
async function computeWith(
  commands: StockCommands,
  key: string,
  load: () => Promise<string>,
  { settings }: ClientSpec,
): Promise<Answer> {
  let source: Answer['source'] = 'redis';
  const value = await commands.getOrCompute?.(
    key,
    () => {
      source = 'loader';
      return load();
    },
    settings.defaultTtlSeconds,
  );
  return { source, value: value ?? null };
}

/**
 * An error reply is a refusal. Any other error (connection closed, retries exhausted) may occur after the command was
 * sent, and stock clients do not report whether it was. The outcome is then unknown for a write, whereas a read changes
 * nothing.
 */
function stockFailure(
  kind: OperationKind,
  error: unknown,
  { isReply }: Pick<StockCommands, 'isReply'>,
): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const refused = isReply(error);
  const code = refused ? (message.split(' ', 1)[0] ?? 'ERR') : errorName(error);
  return { type: refused || !WRITES.has(kind) ? 'fail' : 'info', code, message };
}

function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
