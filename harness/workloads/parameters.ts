/**
 * Parameters of a workload, as specified by a drill. `rate: 300` always applies; `full.rate: 1000` replaces it in the
 * `full` profile, `external.rate: 5` on an external Redis, `external.full.rate: 9` in both. A workload declares each
 * parameter that it reads, with a default value, and an unknown name is an error.
 */
import { KitError } from '../../config/errors.ts';

export type Parameters = Readonly<Record<string, number>>;

/** The parameters that a workload defines, each with a value. */
export type Resolved<P extends Parameters> = { readonly [K in keyof P]: number };

/** Conditions under which a value applies, in ascending order of precedence: a later one overrides an earlier one. */
const OCCASIONS = ['full', 'external'] as const;
type Occasion = (typeof OCCASIONS)[number];

/**
 * Returns the parameters for a profile on a substrate; the workload's defaults apply where the drill gives no value.
 */
export function resolveParameters<T extends Parameters>(
  workload: string,
  defaults: T,
  given: Parameters,
  profile: 'quick' | 'full',
  substrate = 'local',
): Resolved<T> {
  const resolved: Record<string, number> = { ...defaults };
  const now: Readonly<Record<Occasion, boolean>> = {
    full: profile === 'full',
    external: substrate === 'external',
  };
  const ordered = Object.entries(given)
    .map(([path, value]) => ({ path, value, ...parsePath(path) }))
    .sort((a, b) => a.rank - b.rank);
  for (const { path, value, name, occasions } of ordered) {
    if (!(name in defaults)) {
      throw new KitError(`workload ${workload} has no parameter '${path}'`, {
        code: 'DRILL_INVALID',
        hint: `allowed: ${Object.keys(defaults).join(', ')}, each also with 'full.' or 'external.' before it`,
      });
    }
    if (occasions.every((occasion) => now[occasion])) resolved[name] = value;
  }
  return resolved as Resolved<T>;
}

/** Parses `external.full.rate` into its conditions and the name of the parameter. */
function parsePath(path: string) {
  const parts = path.split('.');
  const occasions = OCCASIONS.filter((occasion) => parts.slice(0, -1).includes(occasion));
  const isKnown = occasions.length === parts.length - 1;
  const rank = occasions.reduce((sum, occasion) => sum + 2 ** OCCASIONS.indexOf(occasion), 0);
  return { name: isKnown ? (parts.at(-1) ?? '') : path, occasions, rank };
}
