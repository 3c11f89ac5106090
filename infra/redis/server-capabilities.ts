import { EXIT, KitError } from '../../config/errors.ts';
import { SUPPORTED_SERVERS } from '../../config/server-name.ts';
import { formatServer, isSupported, type ServerFamily, type ServerVersion } from './server-version.ts';

/** Probed features of the binary. The renderers leave out unsupported settings. */
export interface BinaryFacts {
  /** Family of the server; absent for Redis. */
  readonly family?: ServerFamily;
  /** Version in the numbering of the family: `7.0.15`. */
  readonly version: string;
  /** Whether the binary was built with the allocator that Redis ships. */
  readonly activedefrag: boolean;
  readonly tls: boolean;
}

/** Returns the family and version of a probed binary. */
export function serverOf({ family = 'redis', version }: BinaryFacts): ServerVersion {
  return { family, version };
}

/** Checks the binary. @throws KitError `REDIS_TOO_OLD` or `REDIS_WITHOUT_TLS` */
export function assertCapable(
  facts: BinaryFacts,
  needs: { readonly environment: string; readonly tls: boolean },
): void {
  const server = serverOf(facts);
  if (!isSupported(server)) {
    throw new KitError(`${formatServer(server)} is too old; the kit requires ${SUPPORTED_SERVERS}`, {
      code: 'REDIS_TOO_OLD',
      exitCode: EXIT.UNKNOWN,
      where: `${server.family}-server`,
      hint: 'install a newer server and set KIT_SERVER to its path, or put its folder first in PATH',
    });
  }
  if (needs.tls && !facts.tls) {
    throw new KitError(`${formatServer(server)} was built without TLS, which the environment requires`, {
      code: 'REDIS_WITHOUT_TLS',
      exitCode: EXIT.UNKNOWN,
      where: `${needs.environment}: security.tls`,
      hint: 'set KIT_SERVER to a server built with TLS (BUILD_TLS=yes), such as the server of a distribution package',
    });
  }
}
