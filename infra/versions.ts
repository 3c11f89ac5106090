import { EXIT, KitError } from '../config/errors.ts';

/** What a probe of the binary found. The renderers leave out what it cannot do. */
export interface BinaryFacts {
  /** `7.0.15` */
  readonly version: string;
  /** Whether it was built with the allocator that Redis ships. */
  readonly activedefrag: boolean;
  readonly tls: boolean;
}

/** Oldest that is supported: listpack names, ACL selectors, multi-part AOF. */
export const OLDEST_REDIS = '7.0';

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

/** @throws KitError `REDIS_TOO_OLD` or `REDIS_WITHOUT_TLS` */
export function assertCapable(
  facts: BinaryFacts,
  needs: { readonly environment: string; readonly tls: boolean },
): void {
  if (!atLeast(facts.version, OLDEST_REDIS)) {
    throw new KitError(`redis-server ${facts.version} is too old; allowed: ${OLDEST_REDIS} or newer`, {
      code: 'REDIS_TOO_OLD',
      exitCode: EXIT.UNKNOWN,
      where: 'redis-server',
      hint: 'install a newer redis-server, or put one earlier on the PATH',
    });
  }
  if (needs.tls && !facts.tls) {
    throw new KitError(
      `redis-server ${facts.version} was built without TLS, which the environment asks for`,
      {
        code: 'REDIS_WITHOUT_TLS',
        exitCode: EXIT.UNKNOWN,
        where: `${needs.environment}: security.tls`,
        hint: 'install a redis-server that was built with TLS (BUILD_TLS=yes); the distributions’ packages are',
      },
    );
  }
}
