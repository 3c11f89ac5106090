/** Reads the keys of a namespace directly from the masters, bypassing the client. */
import { decodeEnvelope } from '../../client/envelope.ts';
import type { Cache } from '../../client/index.ts';
import type { ScriptContext } from './scripted/script.ts';

const SCAN_COUNT = 1_000;

export interface RawKey {
  readonly key: string;
  readonly bytes: Buffer;
  /** Remaining TTL in ms; -1 if the key has no expiry. */
  readonly ttlMs: number;
}

/** Whether the key holds an entry with a value. A lease, which is stored in place of an absent entry, has none. */
export function hasValue({ bytes }: Pick<RawKey, 'bytes'>): boolean {
  const decoded = decodeEnvelope(bytes);
  return decoded.ok && decoded.value !== undefined;
}

/** Returns the prefix of every physical key of a cache. */
export function prefixOf(cache: Cache): string {
  return cache.physicalKey('x').slice(0, -1);
}

/** Returns all string keys that begin with the prefix, on every master. */
export async function rawKeys(
  { masters }: Pick<ScriptContext, 'masters'>,
  prefix: string,
): Promise<ReadonlyMap<string, RawKey>> {
  const found = new Map<string, RawKey>();
  for (const redis of await masters()) {
    const names: string[] = [];
    let cursor = '0';
    do {
      const [next, page] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', SCAN_COUNT);
      cursor = next;
      names.push(...page);
    } while (cursor !== '0');
    const read = async (key: string) => {
      const [bytes, ttlMs] = await Promise.all([redis.getBuffer(key), redis.pttl(key)]);
      if (bytes !== null) found.set(key, { key, bytes, ttlMs });
    };
    await Promise.all(names.map(read));
  }
  return found;
}
