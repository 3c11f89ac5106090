/** Performs calls on a cache; an error is returned as a result. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache, ComputeCallOptions, WriteOptions } from '../../../client/index.ts';
import type { Call, Caller, Operation, Performed } from './call.ts';
import { valueText } from './value-text.ts';

type Answer = Omit<Performed, 'tookMs'>;

interface Prepared {
  readonly keys: readonly string[];
  readonly key: string;
  readonly values: readonly unknown[];
  /** Options for a write or a load. */
  readonly options: WriteOptions & ComputeCallOptions<unknown>;
  readonly tags: readonly string[];
  /** Returns the call's loader, which records each key that it is called for. */
  readonly loader: (key: string) => Promise<unknown>;
}

const oneAnswer = (value: unknown): Answer => ({ answers: [value === undefined ? null : valueText(value)] });

const OPERATIONS: Readonly<Record<Operation, (cache: Cache, prepared: Prepared) => Promise<Answer>>> = {
  get: async (cache, { key }) => oneAnswer(await cache.get(key)),
  getEntry: async (cache, { key }) => entryAnswer(await cache.getEntry(key)),
  lookup: async (cache, { key }) => {
    const found = await cache.lookup(key);
    return { ...oneAnswer(found.found ? found.value : undefined), sources: [found.source] };
  },
  getWithTtl: async (cache, { key }) => {
    const entry = await cache.getWithTtl(key);
    return { ...entryAnswer(entry), ...(entry && { result: entry.ttlSeconds }) };
  },
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
  exists: async (cache, { keys }) => ({ result: await cache.exists(keys) }),
  set: async (cache, { key, values, options }) => receiptAnswer(await cache.set(key, values[0], options)),
  setMany: async (cache, { keys, values, options }) =>
    receiptAnswer(await cache.setMany(new Map(keys.map((key, i) => [key, values[i]])), options)),
  delete: async (cache, { keys }) => ({ result: await cache.delete(keys) }),
  getOrCompute: async (cache, { key, options, loader }) => {
    return entryAnswer(await cache.getOrComputeEntry(key, () => loader(key), options));
  },
  getOrComputeMany: async (cache, { keys, options, loader }) => {
    const loadValue = async (asked: readonly string[]) =>
      new Map(await Promise.all(asked.map(async (key) => [key, await loader(key)] as const)));
    return manyAnswers(keys, await cache.getOrComputeMany(keys, loadValue, options));
  },
  invalidateTags: async (cache, { tags }) => ({ result: (await cache.invalidateTags(tags)).outcome }),
};

/** Returns a caller for a cache in this process. */
export function callerOf(name: string, cache: Cache): Caller {
  return { name, perform: (call) => perform(cache, call) };
}

export async function perform(cache: Cache, call: Call): Promise<Performed> {
  const { keys, values = [], ttlSeconds, tags = [], negativeTtlSeconds } = call;
  const loaded: string[] = [];
  const loader = async (key: string): Promise<unknown> => {
    loaded.push(key);
    const { takesMs = 0, fails = false } = call.load ?? {};
    if (takesMs > 0) await sleep(takesMs);
    if (fails) throw new Error('planned loader failure');
    return values[keys.indexOf(key)];
  };
  const prepared: Prepared = {
    ...{ keys, values, key: keys[0] ?? '', loader, tags },
    options: {
      ...(ttlSeconds !== undefined && { ttlSeconds }),
      ...(tags.length > 0 && { tags }),
      ...(negativeTtlSeconds !== undefined && { negativeTtlSeconds }),
    },
  };
  const startedAt = performance.now();
  const answer = await OPERATIONS[call.operation](cache, prepared).catch(failedAnswer);
  return { ...answer, ...(loaded.length > 0 && { loaded }), tookMs: performance.now() - startedAt };
}

function failedAnswer(error: unknown): Answer {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: 'code' in error && typeof error.code === 'string' ? error.code : error.name };
}

function entryAnswer(entry: { readonly value: unknown; readonly source: string } | undefined): Answer {
  return { ...oneAnswer(entry?.value), ...(entry && { sources: [entry.source] }) };
}

function manyAnswers(keys: readonly string[], found: ReadonlyMap<string, unknown>): Answer {
  return { answers: keys.map((key) => (found.has(key) ? valueText(found.get(key)) : null)) };
}

function receiptAnswer({
  source,
  replicas,
}: {
  readonly source: string;
  readonly replicas?: number;
}): Answer {
  return { sources: [source], ...(replicas !== undefined && { result: replicas }) };
}
