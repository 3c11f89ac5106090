/**
 * Family and version of a server program: Redis, or Valkey, which forked from Redis 7.2.4 and has its own version
 * numbers. Left out: features of a binary beyond its version (`server-capabilities.ts`).
 */
import { atLeast, type NamedServer, OLDEST_SUPPORTED, type ServerFamily } from '../../config/server-name.ts';

export { atLeast, SERVER_FAMILIES, type ServerFamily } from '../../config/server-name.ts';

export interface ServerVersion {
  readonly family: ServerFamily;
  /**
   * Version in the numbering of the family, `7.0.15` or `8.1.3`; not the `redis_version` that Valkey reports for old
   * clients.
   */
  readonly version: string;
}

/**
 * The last Redis version whose directives and commands Valkey has; INFO of every Valkey reports it as `redis_version`.
 */
export const VALKEY_FORKED_FROM = '7.2.4';

/** Returns the Redis version whose directives and commands the server has. */
export function redisCompatibility({ family, version }: ServerVersion): string {
  return family === 'redis' ? version : VALKEY_FORKED_FROM;
}

/** Whether the server has the features of a Redis version that is not newer than the one Valkey forked from. */
export function hasFeaturesOf({ family, version }: ServerVersion, redis: '7.0' | '7.2'): boolean {
  return family === 'valkey' || atLeast(version, redis);
}

export function isSupported({ family, version }: ServerVersion): boolean {
  return atLeast(version, OLDEST_SUPPORTED[family]);
}

/**
 * Returns whether the server is the one that a setting requires. A setting without a patch release matches every patch
 * release.
 */
export function isServer({ family, version }: ServerVersion, wanted: NamedServer): boolean {
  return family === wanted.family && (version === wanted.version || version.startsWith(`${wanted.version}.`));
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
