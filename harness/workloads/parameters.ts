/**
 * Parameters of a workload as a drill gives them. `rate: 300` holds for both profiles; `full.rate: 1000` replaces it in
 * `full`. A workload names each parameter that it reads with its default, and a name it does not know is an error.
 */
import { KitError } from '../../config/errors.ts';

export type Parameters = Readonly<Record<string, number>>;

/** The parameters that a workload named, each with a value. */
export type Resolved<P extends Parameters> = { readonly [K in keyof P]: number };

const FULL = 'full.';

/** The parameters of one profile, over the workload's defaults. */
export function resolveParameters<T extends Parameters>(
  workload: string,
  defaults: T,
  given: Parameters,
  profile: 'quick' | 'full',
): Resolved<T> {
  const resolved: Record<string, number> = { ...defaults };
  const ordered = Object.entries(given).sort(
    ([a], [b]) => Number(a.startsWith(FULL)) - Number(b.startsWith(FULL)),
  );
  for (const [given, value] of ordered) {
    const name = given.startsWith(FULL) ? given.slice(FULL.length) : given;
    if (!(name in defaults)) {
      throw new KitError(`workload ${workload} has no parameter '${given}'`, {
        code: 'DRILL_INVALID',
        hint: `allowed: ${Object.keys(defaults).join(', ')}, each also with '${FULL}' before it`,
      });
    }
    if (!given.startsWith(FULL) || profile === 'full') resolved[name] = value;
  }
  return resolved as Resolved<T>;
}
