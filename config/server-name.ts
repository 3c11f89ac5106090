/**
 * Names of servers in settings: `redis@8.2`, `valkey@9.0.1`. A name with a two-part version includes all of its patch
 * releases. This module is a leaf: it imports nothing.
 */

export type ServerFamily = 'redis' | 'valkey';

export const SERVER_FAMILIES: readonly ServerFamily[] = ['redis', 'valkey'];

/** Oldest supported versions: both have listpack names, ACL selectors and multi-part AOF. */
export const OLDEST_SUPPORTED: Readonly<Record<ServerFamily, string>> = { redis: '7.0', valkey: '8.0' };

/** Supported servers for messages: "Redis 7.0 or newer, or Valkey 8.0 or newer". */
export const SUPPORTED_SERVERS = `Redis ${OLDEST_SUPPORTED.redis} or newer, or Valkey ${OLDEST_SUPPORTED.valkey} or newer`;

/** Server that a setting selects. */
export interface NamedServer {
  readonly family: ServerFamily;
  /** Version, such as `8.2` or `8.2.1`. */
  readonly version: string;
}

export const SERVER_NAME = /^(redis|valkey)@(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?)$/;

/** Returns the server that an environment selects; undefined if any supported server may be used. */
export function namedServer({
  redis,
}: {
  readonly redis: { readonly server?: string | undefined };
}): NamedServer | undefined {
  const [, family, version] = SERVER_NAME.exec(redis.server ?? '') ?? [];
  if (family === undefined || version === undefined) return undefined;
  return { family: family as ServerFamily, version };
}

/** Whether `version` is `wanted` or newer; missing parts count as 0. */
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
