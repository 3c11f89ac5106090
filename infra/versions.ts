import { EXIT, KitError } from '../config/errors.ts';
import { atLeast, OLDEST_SUPPORTED } from './server-version.ts';

export { atLeast } from './server-version.ts';

/** What a probe of the binary found. The renderers leave out what it cannot do. */
export interface BinaryFacts {
  /** `7.0.15` */
  readonly version: string;
  /** Whether it was built with the allocator that Redis ships. */
  readonly activedefrag: boolean;
  readonly tls: boolean;
}

/** @throws KitError `REDIS_TOO_OLD` or `REDIS_WITHOUT_TLS` */
export function assertCapable(
  facts: BinaryFacts,
  needs: { readonly environment: string; readonly tls: boolean },
): void {
  if (!atLeast(facts.version, OLDEST_SUPPORTED.redis)) {
    throw new KitError(
      `redis-server ${facts.version} is too old; allowed: ${OLDEST_SUPPORTED.redis} or newer`,
      {
        code: 'REDIS_TOO_OLD',
        exitCode: EXIT.UNKNOWN,
        where: 'redis-server',
        hint: 'install a newer redis-server, or put one earlier on the PATH',
      },
    );
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
