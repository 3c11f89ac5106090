/** Reads Redis replies as maps. */
import type { Redis } from 'ioredis';
import { parseInfo } from './info.ts';

/** Returns the fields of one INFO section. */
export async function infoOf(redis: Redis, section: string): Promise<ReadonlyMap<string, string>> {
  return new Map(Object.entries(parseInfo(String(await redis.call('INFO', section)))));
}

/** Parses a flat RESP2 list of field, value, field, value … */
export function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const flat = (reply as readonly unknown[]).map(String);
  return new Map(flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1] ?? ''] as const] : [])));
}
