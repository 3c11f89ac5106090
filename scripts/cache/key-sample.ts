/**
 * Samples keys with SCAN, on every master in proportion to its number of keys.
 *
 * SCAN returns keys in the order of the hash table, which is random with respect to the keys, so the first keys are a
 * sample. The number of keys that are read is bounded; below the bound the sample is complete and its figures are
 * exact.
 */
import type { Redis } from 'ioredis';
import { pause } from '../../infra/host/wait.ts';
import type { DataMaster } from './cache-data.ts';

/** COUNT of each SCAN, as in the client's pattern deletion (`client/invalidation/patterns.ts`). */
const PAGE = 500;
/** Number of pages after which the scan pauses, so that a long scan leaves the server most of its capacity. */
const PAGES_PER_PAUSE = 20;
const PAUSE_MS = 5;
/** Number of recently returned keys among which duplicates are detected. */
const REMEMBERED_MAX = 1_000_000;
/** Number of commands that are sent together. */
const PIPELINE = 100;

export interface ScanOptions {
  readonly match?: string;
  readonly signal?: AbortSignal;
  /** Called after each page with the number of keys so far. */
  readonly progress?: (keys: number) => void;
}

export interface SampledKey {
  readonly master: DataMaster;
  readonly key: Buffer;
  /** Number of keys that this one represents: 1 in a complete sample. */
  readonly weight: number;
}

export interface KeySample {
  /** Number of keys in the database, on all masters together. */
  readonly total: number;
  readonly keys: readonly SampledKey[];
  /** Whether `keys` contains every key that existed during the whole scan. */
  readonly complete: boolean;
}

/**
 * Yields each key of a master once.
 * @throws the server's error
 */
export async function* scanKeys(
  redis: Redis,
  { match, signal }: Pick<ScanOptions, 'match' | 'signal'> = {},
): AsyncGenerator<readonly Buffer[]> {
  const seen = new Set<string>();
  let cursor = '0';
  for (let page = 1; ; page += 1) {
    signal?.throwIfAborted();
    const pattern = match === undefined ? [] : ['MATCH', match];
    const reply = await redis.callBuffer('SCAN', cursor, ...pattern, 'COUNT', PAGE);
    const [next, found] = reply as [Buffer, readonly Buffer[]];
    // SCAN may return a key twice while the hash table is resized. The memory used to detect duplicates is bounded.
    if (seen.size > REMEMBERED_MAX) seen.clear();
    const fresh = found.filter((key) => {
      const text = key.toString('latin1');
      return seen.has(text) ? false : seen.add(text);
    });
    if (fresh.length > 0) yield fresh;
    cursor = String(next);
    if (cursor === '0') return;
    if (page % PAGES_PER_PAUSE === 0) await pause(PAUSE_MS, signal);
  }
}

/** Samples keys. @param maxKeys maximum number of keys to read; 0 to read no keys */
export async function sampleKeys(
  masters: readonly DataMaster[],
  maxKeys: number,
  { match, signal, progress }: ScanOptions = {},
): Promise<KeySample> {
  const sizes = await Promise.all(masters.map(({ redis }) => redis.dbsize()));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const keys: SampledKey[] = [];
  let complete = true;
  for (const [i, master] of masters.entries()) {
    const size = sizes[i] ?? 0;
    const budget = total <= maxKeys ? Number.POSITIVE_INFINITY : Math.ceil((maxKeys * size) / total);
    const found: Buffer[] = [];
    let scanned = false;
    if (budget > 0) {
      const scan = scanKeys(master.redis, {
        ...(match !== undefined && { match }),
        ...(signal && { signal }),
      });
      scanned = true;
      for await (const page of scan) {
        found.push(...page);
        progress?.(keys.length + found.length);
        if (found.length >= budget) {
          scanned = false;
          break;
        }
      }
    }
    if (!scanned && size > 0) complete = false;
    const weight = scanned || found.length === 0 ? 1 : Math.max(1, size / found.length);
    keys.push(...found.map((key) => ({ master, key, weight })));
  }
  return { total, keys, complete };
}

/** Sends one command per key, a hundred at a time. A rejected command yields null. */
export async function askEach(
  keys: readonly SampledKey[],
  command: (key: Buffer) => readonly [string, ...(string | number | Buffer)[]],
  signal?: AbortSignal,
): Promise<readonly (Buffer | number | string | null)[]> {
  const replies: (Buffer | number | string | null)[] = [];
  for (let from = 0; from < keys.length; from += PIPELINE) {
    signal?.throwIfAborted();
    const part = keys.slice(from, from + PIPELINE).map(async ({ master, key }) => {
      const [name, ...args] = command(key);
      return master.redis.callBuffer(name, ...args).catch(() => null);
    });
    replies.push(...((await Promise.all(part)) as (Buffer | number | string | null)[]));
  }
  return replies;
}
