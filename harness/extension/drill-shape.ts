/**
 * Checks the shape of a drill from another repository. The judge of a run requires the same shape in `drills.json`;
 * this check reports an error before the run instead of after it.
 */
import type { Drill } from '../drills/drill.ts';

type Fields = Readonly<Record<string, unknown>>;

const FAMILIES: readonly Drill['family'][] = ['integration', 'failover', 'load', 'capacity'];
const LISTS = ['needs', 'topologies', 'clients', 'faults', 'checkers'];

/** Describes the first part that is missing or malformed; undefined for a complete drill. */
export function drillProblem(drill: Fields): string | undefined {
  const { family, workload, trials, boundMs, faults } = drill;
  if (!FAMILIES.some((each) => each === family)) return `family must be one of ${FAMILIES.join(', ')}`;
  const list = LISTS.find((key) => !Array.isArray(drill[key]));
  if (list !== undefined) return `${list} must be a list`;
  if (!isObject(workload) || typeof workload.name !== 'string' || !isObject(workload.parameters))
    return 'workload must have a name and parameters';
  if (!isObject(trials) || !isCount(trials.quick) || !isCount(trials.full))
    return 'trials.quick and trials.full must be integers of at least 0';
  if (!Number.isFinite(boundMs) || Number(boundMs) <= 0) return 'boundMs must be a number greater than 0';
  if (drill.spansRun !== undefined) return 'spansRun is for the drill configuration alone';
  return missingProof(family as Drill['family'], drill, faults as readonly unknown[]);
}

/**
 * Requires the parts that each trial of a family must record: without them, a drill would pass without any evidence.
 */
function missingProof(
  family: Drill['family'],
  drill: Fields,
  faults: readonly unknown[],
): string | undefined {
  const names = (key: string) => (Array.isArray(drill[key]) ? drill[key].length : 0);
  if (family === 'integration' && names('expectations') === 0) return 'expectations must name at least one';
  if (['failover', 'load'].includes(family) && names('operations') === 0)
    return 'operations must name at least one';
  if (family === 'failover' && faults.length === 0) return 'faults must name at least one';
  return undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
