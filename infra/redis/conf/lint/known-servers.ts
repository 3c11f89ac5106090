/** Server versions against which a file is checked. */

import { atLeast, type ServerFamily, type ServerVersion } from '../../server-version.ts';
import { availabilityOf } from '../grammar/index.ts';
import type { ConfLine } from '../text.ts';

/** One version per grammar. docs/conf-lint.md lists the versions that were compared with a binary. */
const VERSIONS: Readonly<Record<ServerFamily, readonly string[]>> = {
  redis: ['6.2', '7.0', '7.2', '7.4', '8.0', '8.2'],
  valkey: ['7.2', '8.0', '8.1', '9.0', '9.1'],
};

/**
 * Servers against which a file is checked: a family with a version, a part of a version (`8`: every 8.x), or no
 * version.
 */
export interface LintTarget {
  readonly family: ServerFamily;
  readonly version?: string;
}

/** Oldest version for a target without a version. */
const OLDEST_BY_DEFAULT: Readonly<Record<ServerFamily, string>> = { redis: '7.0', valkey: '8.0' };

/** Returns every version of the target, oldest first. */
export function serversOf({ family, version }: LintTarget): readonly ServerVersion[] {
  if (version === undefined) {
    return VERSIONS[family]
      .filter((each) => atLeast(each, OLDEST_BY_DEFAULT[family]))
      .map((each) => ({ family, version: each }));
  }
  if (version.includes('.')) return [{ family, version }];
  const within = VERSIONS[family].filter((each) => each.split('.')[0] === version);
  return within.length > 0 ? within.map((each) => ({ family, version: each })) : [{ family, version }];
}

/** Returns whether the server may have directives that the tables lack. */
export function isNewerThanMeasured({ family, version }: ServerVersion): boolean {
  const newest = VERSIONS[family].at(-1) ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return atLeast(`${major}.${minor}`, newest) && `${major}.${minor}` !== newest;
}

/** Detects Valkey by a name that no Redis has. */
export function detectFamily(lines: readonly ConfLine[]): ServerFamily {
  const isOfValkey = (name: string) => {
    const where = availabilityOf(name);
    return where.length > 0 && where.every(({ redis }) => redis === undefined);
  };
  return lines.some(({ name }) => name !== undefined && isOfValkey(name)) ? 'valkey' : 'redis';
}

/** Parses `redis@7.0`, `redis@7.0.15`, `valkey@8`, `valkey`; undefined for anything else. */
export function parseTarget(text: string): LintTarget | undefined {
  const [, family, version] = /^(redis|valkey)(?:@(\d+(?:\.\d+){0,2}))?$/.exec(text) ?? [];
  if (family !== 'redis' && family !== 'valkey') return undefined;
  if (version === undefined) return { family };
  const oldest = VERSIONS[family][0] ?? '0';
  return atLeast(version.includes('.') ? version : `${version}.999`, oldest)
    ? { family, version }
    : undefined;
}
