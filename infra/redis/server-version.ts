/**
 * Family and version of a server program: Redis, or Valkey, which forked from Redis 7.2.4 and has its own version
 * numbers. A leaf: it imports nothing. Left out: features of a binary beyond its version (`server-capabilities.ts`).
 */

export type ServerFamily = 'redis' | 'valkey';

export interface ServerVersion {
  readonly family: ServerFamily;
  /** The family's own version, `7.0.15` or `8.1.3`; not the `redis_version` that Valkey reports for old clients. */
  readonly version: string;
}

export const SERVER_FAMILIES: readonly ServerFamily[] = ['redis', 'valkey'];

/** Oldest supported versions: both have listpack names, ACL selectors and multi-part AOF. */
export const OLDEST_SUPPORTED: Readonly<Record<ServerFamily, string>> = { redis: '7.0', valkey: '8.0' };

/** The last Redis version whose directives and commands Valkey has; INFO of every Valkey reports it as `redis_version`. */
export const VALKEY_FORKED_FROM = '7.2.4';

/** Returns whether `version` is `wanted` or newer; missing parts count as 0. */
export function atLeast(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((text) =>
    text.split('.').map((part) => Number.parseInt(part, 10) || 0),
  );
  for (let i = 0; i < 3; i += 1) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** Returns the Redis version whose directives and commands the server has. */
export function redisCompatibility({ family, version }: ServerVersion): string {
  return family === 'redis' ? version : VALKEY_FORKED_FROM;
}

export function isSupported({ family, version }: ServerVersion): boolean {
  return atLeast(version, OLDEST_SUPPORTED[family]);
}

/** Parses the output of `redis-server --version`: `Valkey server v=8.0.1 sha=… malloc=… bits=64 build=…`. */
export function parseBanner(text: string): ServerVersion | undefined {
  const [, family, version] = /^(Redis|Valkey) server v=(\d+\.\d+\.\d+)/.exec(text) ?? [];
  if (family === undefined || version === undefined) return undefined;
  return { family: family === 'Redis' ? 'redis' : 'valkey', version };
}

/** Formats a server for options and messages. */
export function formatServer({ family, version }: ServerVersion): string {
  return `${family === 'redis' ? 'Redis' : 'Valkey'} ${version}`;
}
