/** Differences between the configuration of a running environment and the requested one, by path. Pure. */
import type { EnvironmentConfig } from '../../config/schema.ts';

/**
 * Returns one sentence per setting that differs, such as "redis.maxmemory: running with 268435456, configured as
 * 67108864".
 */
export function configDifferences(applied: EnvironmentConfig, asked: EnvironmentConfig): readonly string[] {
  const [before, after] = [applied, asked].map(({ backup: _, ...ofNodes }) => settingsOf(ofNodes)) as [
    ReadonlyMap<string, string>,
    ReadonlyMap<string, string>,
  ];
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .filter((path) => before.get(path) !== after.get(path))
    .map(
      (path) =>
        `${path}: running with ${before.get(path) ?? 'nothing'}, configured as ${after.get(path) ?? 'nothing'}`,
    );
}

/** Returns the settings by dotted path, each value as JSON. A list is one value. */
function settingsOf(value: unknown, path = ''): ReadonlyMap<string, string> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return value === undefined ? new Map() : new Map([[path, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...settingsOf(inner, path === '' ? key : `${path}.${key}`),
    ]),
  );
}
