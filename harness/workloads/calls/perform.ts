/** Performs calls on a cache; an error is a result like the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache, ComputeCallOptions, WriteOptions } from '../../../client/index.ts';
import type { Json } from '../../history.ts';
import type { ClientModule } from '../client-module.ts';
import type { Call, Caller, Operation, Performed } from './call.ts';
import { valueText } from './value-text.ts';

type Answer = Omit<Performed, 'tookMs'>;

interface Prepared {
  readonly keys: readonly string[];
  readonly key: string;
  readonly values: readonly unknown[];
  /** Options of a write or of a load. */
  readonly options: WriteOptions & ComputeCallOptions<unknown>;
  readonly call: Call;
  /** The call's loader, which notes each key that it is called for. */
  readonly loader: (key: string) => Promise<unknown>;
  readonly client: ClientModule;
}

const one = (value: unknown): Answer => ({ answers: [value === undefined ? null : valueText(value)] });
const result = (json: Json | undefined): Answer => ({ result: json === undefined ? 'absent' : json });

const OPERATIONS: Readonly<Record<Operation, (cache: Cache, prepared: Prepared) => Promise<Answer>>> = {
  get: async (cache, { key }) => one(await cache.get(key)),
  getEntry: async (cache, { key }) => entryAnswer(await cache.getEntry(key)),
  lookup: async (cache, { key }) => {
    const found = await cache.lookup(key);
    return { ...one(found.found ? found.value : undefined), sources: [found.source] };
  },
  getWithTtl: async (cache, { key }) => {
    const entry = await cache.getWithTtl(key);
    return { ...entryAnswer(entry), ...result(entry?.ttlSeconds) };
  },
  ttl: async (cache, { key }) => result(await cache.ttl(key)),
  exists: async (cache, { keys }) => result(await cache.exists(keys)),
  getMany: async (cache, { keys }) => manyAnswers(keys, await cache.getMany(keys)),
  lookupMany: async (cache, { keys }) => {
    const found = await cache.lookupMany(keys);
    return {
      answers: keys.map((key) => {
        const lookup = found.get(key);
        return lookup?.found ? valueText(lookup.value) : null;
      }),
      sources: keys.map((key) => found.get(key)?.source ?? 'absent'),
    };
  },
  set: async (cache, { key, values, options }) => receipt(await cache.set(key, values[0], options)),
  setMany: async (cache, { keys, values, options }) =>
    receipt(await cache.setMany(new Map(keys.map((key, i) => [key, values[i]])), options)),
  setIfAbsent: async (cache, { key, values, options }) =>
    result(await cache.setIfAbsent(key, values[0], options)),
  expire: async (cache, { key, call }) => result(await cache.expire(key, call.ttlSeconds ?? null)),
  delete: async (cache, { keys }) => result(await cache.delete(keys)),
  getOrCompute: async (cache, { key, options, loader }) =>
    entryAnswer(await cache.getOrComputeEntry(key, () => loader(key), options)),
  getOrComputeMany: async (cache, { keys, options, loader }) => {
    const load = async (asked: readonly string[]) =>
      new Map(await Promise.all(asked.map(async (key) => [key, await loader(key)] as const)));
    return manyAnswers(keys, await cache.getOrComputeMany(keys, load, options));
  },
  wrap: async (cache, { key, options, loader, client }) =>
    one(await client.wrap((of: string) => loader(of), { cache, domain: 'wrapped', ...options })(key)),
  readThrough: async (cache, { key, options, loader, client }) =>
    one(await client.readThrough(cache, { load: loader }, options).get(key)),
  invalidateTags: async (cache, { call }) => result((await cache.invalidateTags(call.tags ?? [])).outcome),
  invalidatePattern: async (cache, { key }) => result({ ...(await cache.invalidation.pattern(key)) }),
  invalidateDomain: async (cache, { key }) => result((await cache.invalidation.domain(key)).outcome),
  clear: async (cache) => result(await cache.clear()),
};

/** An open cache and the client module that opened it. */
export interface Opened {
  readonly cache: Cache;
  readonly client: ClientModule;
}

/** A cache of this process as a caller. */
export function callerOf(name: string, opened: Opened): Caller {
  return { name, perform: (call) => perform(opened, call) };
}

export async function perform({ cache, client }: Opened, call: Call): Promise<Performed> {
  const { keys, values = [], ttlSeconds, tags, durability, compute } = call;
  const loaded: string[] = [];
  const loader = async (key: string): Promise<unknown> => {
    loaded.push(key);
    const { takesMs = 0, outcome } = call.load ?? {};
    if (takesMs > 0) await sleep(takesMs);
    if (outcome === 'error') throw new Error('planned failure of the loader');
    return outcome === 'nothing' ? undefined : values[keys.indexOf(key)];
  };
  const prepared: Prepared = {
    ...{ call, keys, values, key: keys[0] ?? '', loader, client },
    options: {
      ...compute,
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(tags !== undefined && { tags }),
      ...(durability !== undefined && { durability }),
    },
  };
  const startedAt = performance.now();
  const answer = await OPERATIONS[call.operation](cache, prepared).catch(failed);
  return { ...answer, ...(loaded.length > 0 && { loaded }), tookMs: performance.now() - startedAt };
}

function failed(error: unknown): Answer {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: 'code' in error && typeof error.code === 'string' ? error.code : error.name };
}

function entryAnswer(entry: { readonly value: unknown; readonly source: string } | undefined): Answer {
  return { ...one(entry?.value), ...(entry && { sources: [entry.source] }) };
}

function manyAnswers(keys: readonly string[], found: ReadonlyMap<string, unknown>): Answer {
  return { answers: keys.map((key) => (found.has(key) ? valueText(found.get(key)) : null)) };
}

function receipt({ source, replicas }: { readonly source: string; readonly replicas?: number }): Answer {
  return { sources: [source], ...(replicas !== undefined && { result: replicas }) };
}
