/** Parses text and list replies of Redis into maps. */
import type { Redis } from 'ioredis';

/** Returns the fields of one INFO section. */
export async function infoOf(redis: Redis, section: string): Promise<ReadonlyMap<string, string>> {
  const text = String(await redis.call('INFO', section));
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const),
  );
}

/** Parses a flat RESP2 list of field, value, field, value … */
export function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const flat = (reply as readonly unknown[]).map(String);
  return new Map(flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1] ?? ''] as const] : [])));
}
