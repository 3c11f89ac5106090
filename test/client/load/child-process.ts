/**
 * A process that uses the cache and is controlled by messages. `{ key, callers, loadMs, options }` starts `callers`
 * concurrent calls to getOrCompute, with a loader that takes `loadMs` and returns the id of this process. The reply
 * contains the results.
 */
import { type CacheOptions, type ComputeCallOptions, redisCache } from '../../../client/index.ts';

export interface LoadRequest {
  readonly key: string;
  readonly callers: number;
  readonly loadMs: number;
  readonly options?: ComputeCallOptions<number>;
}

export interface LoadResult {
  readonly loads: number;
  readonly values: readonly (number | string)[];
  readonly sources: readonly string[];
  readonly slowestMs: number;
}

const [address, cacheOptions] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  { host: string; port: number },
  CacheOptions,
];
const cache = redisCache({ address, ...cacheOptions });
const send = (message: unknown): void => {
  process.send?.(message);
};

process.on('message', async ({ key, callers, loadMs, options }: LoadRequest) => {
  const loadsBefore = cache.stats().loads;
  const load = async (): Promise<number> => {
    send({ loading: key });
    await new Promise((resolve) => setTimeout(resolve, loadMs));
    return process.pid;
  };
  const values = new Set<number | string>();
  const sources = new Set<string>();
  let slowestMs = 0;
  const call = async (): Promise<void> => {
    const startedAt = performance.now();
    try {
      const entry = await cache.getOrComputeEntry(key, load, options);
      values.add(entry.value);
      sources.add(entry.source);
    } catch (error) {
      values.add(String(error));
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  };
  await Promise.all(Array.from({ length: callers }, call));
  const answer: LoadResult = {
    loads: cache.stats().loads - loadsBefore,
    values: [...values],
    sources: [...sources],
    slowestMs,
  };
  send(answer);
});

await cache.ping();
send('ready');
