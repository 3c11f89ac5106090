/**
 * A cache client from an extension module, which drills run under the same faults as the kit's client:
 *
 *   open(spec, onEvent) ─▶ commands on physical keys ─▶ checked ─▶ the adapter that stock clients have
 *
 * The commands keep the client's own behaviour, and the adapter adds none. An answer of the wrong type is an error in
 * the module and not an effect of a fault, so it ends the trial instead of counting as a failed operation.
 */
import type { ClientFacts } from '../drills/clients.ts';
import type { Adapter, ClientEventSink, ClientSpec } from './adapter.ts';
import { type StockCommands, stockAdapter } from './stock/stock-adapter.ts';

/** Commands of a cache client, on physical keys. Redis must hold each value unchanged, as a string under its key. */
export type CacheCommands = StockCommands;

export interface CacheClient {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** Topologies that the client supports; default: all. */
  readonly topologies?: ClientFacts['topologies'];
  /** Version that the report names. */
  readonly version?: string;
  /**
   * Opens the client on the environment. The client need not be connected yet: `ping` is sent first, with a time limit.
   */
  open(spec: ClientSpec, onEvent: ClientEventSink): CacheCommands | Promise<CacheCommands>;
}

const FUNCTIONS = ['ping', 'set', 'get', 'incr', 'append', 'getMany', 'setMany', 'close', 'isReply'] as const;

/**
 * Opens a client from a module.
 *
 * @param path path of the module, for messages
 * @param fail called with an error that the module caused and that becomes visible only in an answer
 * @throws Error if `open` throws, or returns no commands
 */
export async function moduleAdapter(
  spec: ClientSpec,
  { path, client }: { readonly path: string; readonly client: CacheClient },
  onEvent: ClientEventSink,
  fail: (error: Error) => void,
): Promise<Adapter> {
  const part = `clients (${spec.client})`;
  const commands: Partial<CacheCommands> | undefined = await client.open(spec, onEvent);
  const missing = FUNCTIONS.filter((name) => typeof commands?.[name] !== 'function');
  if (missing.length > 0)
    throw new Error(
      `module ${path}: ${part}: open must return commands with the functions ${missing.join(', ')}`,
    );
  const refuse = (problem: string) => {
    const error = new Error(`module ${path}: ${part}: ${problem}`);
    fail(error);
    return error;
  };
  return stockAdapter(spec.client, spec, checkedCommands(commands as CacheCommands, refuse));
}

/** Wraps the commands whose answers are used. */
function checkedCommands(commands: CacheCommands, refuse: (problem: string) => Error): CacheCommands {
  const requireThat = (holds: boolean, name: string, needed: string, seen: unknown) => {
    if (!holds) throw refuse(`${name} must resolve with ${needed}, got ${describe(seen)}`);
  };
  const count = (name: 'incr' | 'append', value: number) => {
    requireThat(Number.isSafeInteger(value), name, 'an integer', value);
    return value;
  };
  const { getOrCompute } = commands;
  return {
    ping: () => commands.ping(),
    set: (key, value, ttlSeconds) => commands.set(key, value, ttlSeconds),
    async get(key) {
      const value = await commands.get(key);
      requireThat(isValue(value), 'get', 'a string, or null on a miss', value);
      return value;
    },
    incr: async (key) => count('incr', await commands.incr(key)),
    append: async (key, text) => count('append', await commands.append(key, text)),
    async getMany(keys) {
      const values: unknown = await commands.getMany(keys);
      const holds = Array.isArray(values) && values.length === keys.length && values.every(isValue);
      requireThat(holds, 'getMany', 'one string or null per key', values);
      return values as readonly (string | null)[];
    },
    setMany: (entries, ttlSeconds) => commands.setMany(entries, ttlSeconds),
    ...(getOrCompute && {
      async getOrCompute(key: string, load: () => Promise<string>, ttlSeconds: number) {
        const value = await getOrCompute.call(commands, key, load, ttlSeconds);
        requireThat(typeof value === 'string', 'getOrCompute', 'a string', value);
        return value;
      },
    }),
    close: () => commands.close(),
    isReply: (error) => commands.isReply(error),
  };
}

function isValue(value: unknown): boolean {
  return typeof value === 'string' || value === null;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === null ? 'null' : typeof value;
}
