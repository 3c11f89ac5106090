/**
 * Obligations that a drill's definition imposes on a trial: expectations for every node, faults that take effect and
 * are healed, and an answer for each kind of operation. Pure. If the history does not show that an obligation is met,
 * that is a gap, and no criterion passes if one of its trials has a gap.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import { promisesOf } from '../../config/schema.ts';
import type { DrillText } from '../assembly/trial-view.ts';
import { faultSpans, kindOf, operationsOf } from '../checkers/history-queries.ts';
import type { History } from '../history/events.ts';

/** Environment and substrate of a trial, which determine the conditions and placeholders of its drill. */
export interface Place {
  readonly environment: EnvironmentConfig;
  readonly substrate: string;
}

/** Returns the ids of all expectations that the drill declares for this environment and substrate. */
export function requiredExpectations(
  { expectations = [], external }: DrillText,
  place: Place,
): readonly string[] {
  const except = place.substrate === 'external' ? external?.except : undefined;
  return expectations
    .flatMap((declared) => applyConditions(declared, place))
    .flatMap((pattern) => expandNodes(pattern, place))
    .filter((id) => except?.includes(id) !== true);
}

/** Returns the ids of the expectations that can fail merely because the machine is slow. */
export function timedExpectations({ timed = [] }: DrillText, place: Place): readonly string[] {
  return timed
    .flatMap((declared) => applyConditions(declared, place))
    .flatMap((pattern) => expandNodes(pattern, place));
}

/** Describes the faults and kinds of operation that are missing from the history. */
export function gapsOf(drill: DrillText, history: History, client: string, place: Place): readonly string[] {
  return [...missingFaults(drill, history), ...missingAnswers(drill, history, client, place)];
}

/**
 * Evaluates conditions: `sentinel?replica-1-link` applies only if `sentinel` is the topology or the substrate, or is a
 * promise of the environment.
 */
function applyConditions(declared: string, { environment, substrate }: Place): readonly string[] {
  const [condition, id] = declared.split('?', 2) as [string, string | undefined];
  if (id === undefined) return [declared];
  const holds = new Set<string>([environment.topology.kind, substrate, ...promisesOf(environment)]);
  return condition.split('+').every((each) => holds.has(each)) ? [id] : [];
}

function expandNodes(pattern: string, place: Place): readonly string[] {
  const placeholder = /\{(\w+)\}/.exec(pattern)?.[1];
  if (placeholder === undefined) return [pattern];
  return (nodesOf(place)[placeholder] ?? []).map((node) => pattern.replace(`{${placeholder}}`, node));
}

/**
 * Returns the node ids by placeholder. An external Redis counts as one node, because the number of its nodes is
 * unknown.
 */
function nodesOf({ environment, substrate }: Place): Readonly<Record<string, readonly string[]>> {
  const { masters, replicas, sentinels } = environment.topology;
  const named = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
  const redis = named('redis', substrate === 'external' ? 1 : masters * (1 + replicas));
  const watching = named('sentinel', substrate === 'external' ? 0 : sentinels);
  return {
    redis,
    sentinel: watching,
    node: [...redis, ...watching],
    replica: named('replica', substrate === 'external' ? 0 : masters * replicas),
  };
}

function missingFaults({ faults = [] }: DrillText, history: History): readonly string[] {
  const spans = faultSpans(history);
  return [...Map.groupBy(faults, ({ fault }) => fault)].flatMap(([fault, declared]) => {
    const own = spans.filter((span) => span.fault === fault);
    const injected = own.filter(({ observed }) => observed);
    const healed = injected.filter(({ toUs }) => toUs !== undefined);
    if (injected.length < declared.length) {
      return [`${fault} took effect ${injected.length} of ${declared.length} times`];
    }
    return healed.length < injected.length ? [`${fault} was not observed to heal`] : [];
  });
}

function missingAnswers(
  { operations = [] }: DrillText,
  history: History,
  client: string,
  { environment }: Place,
): readonly string[] {
  const answered = new Set<string>();
  for (const operation of operationsOf(history, client))
    if (operation.outcome === 'ok') answered.add(kindOf(operation));
  const promisesDurability = promisesOf(environment).has('durability');
  const missing = operations.filter(
    (kind) => !answered.has(kind) && (promisesDurability || !kind.startsWith('durable ')),
  );
  return missing.length === 0
    ? []
    : [`none of these operations of ${client} was answered: ${missing.join(', ')}`];
}
