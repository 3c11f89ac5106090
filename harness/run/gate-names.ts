/**
 * Checks the names to which the gates of a run refer. Without this check, an unknown drill or checker would be detected
 * only at the end of the run.
 */
import { KitError } from '../../config/errors.ts';
import type { Gates } from '../../config/gates.ts';
import { didYouMean } from '../../config/spelling.ts';
import type { RunKind } from '../evidence/manifest.ts';

/** Sources of figures that are judged without running a drill from the catalogue. */
const WITHOUT_DRILL = ['configuration', 'coverage'];

export interface KnownNames {
  readonly drills: readonly string[];
  readonly checkers: readonly string[];
}

/**
 * Checks the names. @throws KitError CONFIG_INVALID for the first gate that applies to this kind of run and names an
 * unknown drill or checker
 */
export function requireKnownNames(
  { gates }: Pick<Gates, 'gates'>,
  kind: RunKind,
  { drills, checkers }: KnownNames,
): void {
  const workloads = [...drills, ...WITHOUT_DRILL];
  for (const { id, scope, workload, sli } of gates) {
    if (!scope.runs.includes(kind)) continue;
    const drill = workload.find((name) => !workloads.includes(name));
    if (drill !== undefined) throw unknownName(`${id}: workload`, 'drill', drill, workloads);
    if (!checkers.includes(sli.checker))
      throw unknownName(`${id}: sli.checker`, 'checker', sli.checker, checkers);
  }
}

function unknownName(where: string, what: string, name: string, known: readonly string[]): KitError {
  return new KitError(`unknown ${what} '${name}'${didYouMean(name, known)}`, {
    code: 'CONFIG_INVALID',
    where: `gate ${where}`,
    hint: `known: ${known.join(', ')}; an extension module can add one`,
  });
}
