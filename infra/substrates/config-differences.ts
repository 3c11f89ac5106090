/** Differences between the configuration of a running environment and the requested one, by path. Pure. */
import { withoutWebhook } from '../../config/observability-settings.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';

/**
 * Returns one sentence per setting that differs, such as "redis.maxmemory: running with 268435456, configured as
 * 67108864". The path of a webhook is compared, but is never part of a sentence.
 */
export function configDifferences(applied: EnvironmentConfig, asked: EnvironmentConfig): readonly string[] {
  const [before, after] = [settingsOfNodes(applied), settingsOfNodes(asked)];
  const [shownBefore, shownAfter] = [applied, asked].map((it) => settingsOfNodes(withoutWebhook(it)));
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .filter((path) => before.get(path) !== after.get(path))
    .map(
      (path) =>
        `${path}: running with ${shownBefore?.get(path) ?? 'nothing'}, configured as ${shownAfter?.get(path) ?? 'nothing'}`,
    );
}

const settingsOfNodes = ({ backup: _, ...ofNodes }: EnvironmentConfig) => settingsOf(ofNodes);

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
