/**
 * Queries on a history that several checkers share, so that all of them use the same definitions of "acknowledged",
 * "window" and "promoted".
 */
import { type Few, joinFew } from '../evidence/excerpt.ts';
import type {
  CompletionEvent,
  FaultEvent,
  History,
  Operation,
  OperationKind,
  OperationList,
} from '../history/events.ts';
import { sortedSamples, summarizeSorted } from '../statistics/quantile.ts';
import type { CheckResult, Figure, Samples } from './checker.ts';
import { FinalEntries } from './final-entries.ts';

/** Return value of a checker; the judge adds checker, drill and trial. */
export type Finding = Omit<CheckResult, 'checker' | 'drill' | 'trial' | 'client'>;

export const US_PER_MS = 1000;

const WRITES: ReadonlySet<OperationKind> = new Set(['set', 'setMany', 'incr', 'append']);

export function isWrite(kind: OperationKind): boolean {
  return WRITES.has(kind);
}

/**
 * Returns the kind of an operation. A `set` has several kinds, depending on its path: through the cache (asynchronous
 * or durable), or directly through the connection.
 */
export function kindOf({ invoke }: Pick<Operation, 'invoke'>): string {
  return typeof invoke.durability === 'object' ? `durable ${invoke.kind}` : invoke.kind;
}

/** Error code of an operation that was not sent because too many others were in flight: no caller waited for it. */
const NOT_SENT = 'IN_FLIGHT_BOUND';

export interface SpanUs {
  readonly startUs: number;
  readonly endUs: number;
}

export interface FaultSpan {
  readonly fault: string;
  readonly node: string;
  readonly shard: string | undefined;
  /** Time at which the fault was requested. A coordinated switch has already happened when it is observed. */
  readonly askedUs: number;
  /** Time of the observed injection; if the injection was not observed, the time of the request. */
  readonly fromUs: number;
  readonly observed: boolean;
  /** Time at which healing was requested. */
  readonly healUs: number | undefined;
  /** Time at which healing was observed. */
  readonly toUs: number | undefined;
}

export type AcknowledgedWrite = Operation & { readonly completion: CompletionEvent };

/** @param more figures that remain valid, and the remedy to give if running the drill again does not help */
export function unknownResult(
  reason: string,
  more: { readonly figures?: Readonly<Record<string, Figure>>; readonly remedy?: string } = {},
): Finding {
  const { figures = {}, remedy } = more;
  return { validity: 'unknown', reasons: [reason], figures, ...(remedy !== undefined && { remedy }) };
}

export function valueFigure(amount: number, unit: string, n: number): Figure {
  return { kind: 'value', value: amount, unit, n };
}

export function proportionFigure(successes: number, n: number): Figure {
  return { kind: 'proportion', successes, n, unit: 'ratio' };
}

/** Returns the distribution of samples in any order; undefined if there are none. */
export function distributionOf(samples: Samples, unit: string): Figure | undefined {
  const sorted = sortedSamples(samples);
  const distribution = summarizeSorted(sorted);
  if (distribution === undefined) return undefined;
  return { kind: 'distribution', distribution, samples: sorted, unit, n: sorted.length };
}

/** Keeps the figures that exist: a figure without observations is left out, because 0 of 0 is not a result. */
export function definedFigures(
  figures: Readonly<Record<string, Figure | undefined>>,
): Record<string, Figure> {
  return Object.fromEntries(
    Object.entries(figures).filter(
      (entry): entry is [string, Figure] => entry[1] !== undefined && entry[1].n > 0,
    ),
  );
}

/** Maximum length of an example, which is a statement about an operation or an expectation. */
const MAX_EXAMPLE_CHARACTERS = 500;

/** Joins the first three names, or the descriptions of the first three items, into one string. */
export function joinExamples(names: Few<string>): string;
export function joinExamples<T>(items: Few<T>, describe: (item: T) => string): string;
export function joinExamples<T>(items: Few<T>, describe: (item: T) => string = String): string {
  return joinFew(items, MAX_EXAMPLE_CHARACTERS, describe);
}

/** Returns the kind and the key of an operation, for messages. */
export function nameOfOperation({ invoke }: Operation): string {
  return `${invoke.kind} ${invoke.key}`;
}

/** Computes a value once per history. */
function oncePerHistory<T>(compute: (history: History) => T): (history: History) => T {
  const computed = new WeakMap<History, { readonly value: T }>();
  return (history) => {
    const known = computed.get(history) ?? { value: compute(history) };
    computed.set(history, known);
    return known.value;
  };
}

const operationsByClient = oncePerHistory(() => new Map<string, OperationList>());

export function operationsOf(history: History, client: string): OperationList {
  const byClient = operationsByClient(history);
  const own = byClient.get(client) ?? history.operations.filter(({ invoke }) => invoke.client === client);
  byClient.set(client, own);
  return own;
}

/**
 * Returns the measured window, if the workload marked one. Operations whose intended time is outside the window were
 * only for warm-up or cool-down.
 */
export function windowOf(history: History, client: string): SpanUs | undefined {
  const mark = history.observations.find(
    (seen) =>
      seen.from === 'workload' &&
      seen.name === 'window' &&
      (seen.client === undefined || seen.client === client),
  );
  const { startUs, endUs } = mark?.data ?? {};
  return typeof startUs === 'number' && typeof endUs === 'number' ? { startUs, endUs } : undefined;
}

/**
 * Phase of writes that follow a miss. Their values are correct for later reads, but they are not part of the schedule.
 */
const FILL = 'fill';

/**
 * Returns the scheduled operations of a client within the measured window; all of its scheduled operations if there is
 * no window.
 */
export function measuredOperations(history: History, client: string): OperationList {
  const { startUs, endUs } = windowOf(history, client) ?? {
    startUs: Number.NEGATIVE_INFINITY,
    endUs: Number.POSITIVE_INFINITY,
  };
  return operationsOf(history, client).filter(
    ({ invoke }) => invoke.phase !== FILL && invoke.intendedUs >= startUs && invoke.intendedUs <= endUs,
  );
}

/** Returns the writes that Redis acknowledged. An answer from the memory fallback is not a write to Redis. */
export function acknowledgedWrites(operations: OperationList): OperationList<AcknowledgedWrite> {
  return operations.filter(
    (operation): operation is AcknowledgedWrite =>
      isWrite(operation.invoke.kind) &&
      operation.outcome === 'ok' &&
      operation.completion?.source === 'redis',
  );
}

/**
 * Whether Redis served an operation that completed as ok. An answer from the memory fallback counts as served only if a
 * fault made Redis unreachable; without a fault such an answer hides the fact that Redis did not reply. A computed
 * value may come from its loader.
 */
export function servedByRedis({ invoke, completion }: Operation): boolean {
  const source = completion?.source;
  return source === 'redis' || source === 'l1' || (source === 'loader' && invoke.kind === 'getOrCompute');
}

/** Whether the trial ran without a fault. In that case, only Redis may answer. */
export function isFaultless({ faults }: History): boolean {
  return faults.length === 0;
}

export function wasSent(operation: Operation): boolean {
  return operation.completion?.error?.code !== NOT_SENT;
}

/** Returns the time of the last event in the history. */
export const lastUs = oncePerHistory(({ operations, faults }) => {
  const lastFault = faults.reduce((last, { atUs }) => Math.max(last, atUs), 0);
  return operations.reduce(
    (last, { invoke, completion }) => Math.max(last, invoke.intendedUs, completion?.atUs ?? 0),
    lastFault,
  );
});

/**
 * Returns the faults, each from injection to healing, in order of injection. If faults of one kind overlap on one node,
 * each event is assigned to the earliest fault that still lacks such an event.
 */
export function faultSpans(history: History): readonly FaultSpan[] {
  const lives: { events: FaultEvent[] }[] = [];
  let open: { events: FaultEvent[] }[] = [];
  for (const event of history.faults) {
    const life = open.find(
      ({ events }) =>
        events[0]?.fault === event.fault &&
        (events[0].node ?? '') === (event.node ?? events[0].node ?? '') &&
        events.every(({ phase }) => phase !== event.phase),
    );
    if (event.phase === 'inject' || life === undefined) {
      const next = { events: [event] };
      lives.push(next);
      open.push(next);
    } else {
      life.events.push(event);
      if (event.phase === 'healed') open = open.filter((each) => each !== life);
    }
  }
  return lives.map(({ events }): FaultSpan => {
    const at = (phase: FaultEvent['phase']) => events.find((event) => event.phase === phase);
    const injected = at('injected');
    const [first] = events;
    return {
      fault: first?.fault ?? '',
      node: injected?.node ?? first?.node ?? '',
      shard: injected?.shard ?? first?.shard,
      askedUs: first?.atUs ?? 0,
      fromUs: injected?.atUs ?? first?.atUs ?? 0,
      observed: injected !== undefined,
      healUs: at('heal')?.atUs,
      toUs: at('healed')?.atUs,
    };
  });
}

/**
 * Returns the first period in which at least `count` of the spans, on different nodes, overlap; undefined if there is
 * none.
 */
export function firstOverlap(spans: readonly FaultSpan[], count: number): SpanUs | undefined {
  for (const last of spans) {
    const open = spans.filter(
      ({ fromUs, toUs }) => fromUs <= last.fromUs && (toUs ?? Number.POSITIVE_INFINITY) > last.fromUs,
    );
    if (new Set(open.map(({ node }) => node)).size < count) continue;
    const heals = open.map(({ healUs, toUs }) => healUs ?? toUs ?? Number.POSITIVE_INFINITY);
    return { startUs: last.fromUs, endUs: Math.min(...heals) };
  }
  return undefined;
}

/**
 * Returns the time of the earliest evidence after `fromUs` that another node is master: Sentinel's `+promoted-slave`
 * (the observed role change), `+switch-master`, a client that moved after querying the role of a node, or a sample of
 * the node itself. Sentinel's own events are up to a second late.
 */
export function promotionAfter(history: History, fromUs: number, deposed: string): number | undefined {
  const inCluster = history.faults.some(({ shard }) => shard !== undefined);
  // The masters of the other shards were already masters before the fault. So was the master of this shard, if the
  // fault affected another node.
  const before = mastersAt(history, fromUs);
  const seen = history.observations.find((event) => {
    if (event.atUs < fromUs) return false;
    if (event.from === 'sentinel') return event.name === '+promoted-slave' || event.name === '+switch-master';
    if (event.from === 'client') return event.name === 'moved' && !inCluster;
    return (
      event.from === 'info' &&
      TELLS_ROLE.has(event.name) &&
      event.node !== deposed &&
      !before.has(event.node ?? '') &&
      event.data?.role === 'master'
    );
  });
  return seen?.atUs;
}

const TELLS_ROLE: ReadonlySet<string> = new Set(['sample', 'role']);

/** Whether a fault affected a master; true if no role was reported before the fault. */
export function hitMaster(history: History, { askedUs, node }: FaultSpan): boolean {
  const masters = mastersAt(history, askedUs);
  return !isSentinel(node) && (masters.size === 0 || masters.has(node));
}

/** Whether a node is a sentinel, by its id in the topology: `sentinel-1` and so on. */
export function isSentinel(node: string): boolean {
  return node.startsWith('sentinel-');
}

/** Returns the nodes whose last reported role before `atUs` is master. */
function mastersAt(history: History, atUs: number): ReadonlySet<string> {
  const roles = new Map<string, unknown>();
  for (const event of history.observations) {
    if (event.from !== 'info' || !TELLS_ROLE.has(event.name) || event.atUs >= atUs) continue;
    roles.set(event.node ?? '', event.data?.role);
  }
  return new Set([...roles].filter(([, role]) => role === 'master').map(([node]) => node));
}

export type FinalRead =
  | { readonly kind: 'read'; readonly entries: FinalEntries }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly nodes: readonly string[] };

/** Returns the data of the master after healing; in a cluster, the data of the master of each shard. */
export const finalMaster = oncePerHistory((history): FinalRead => {
  const finals = history.finals.filter((final) => final.redisRole === 'master');
  if (finals.length === 0) return { kind: 'none' };
  for (const ofShard of Map.groupBy(finals, ({ shard }) => shard).values()) {
    const nodes = [...new Set(ofShard.map((final) => final.node))];
    if (nodes.length > 1) return { kind: 'several', nodes };
  }
  return { kind: 'read', entries: new FinalEntries(history, finals) };
});

/** Returns the finding of a checker that needs the data of one master, for a trial without such data. */
export function withoutFinalRead(final: Exclude<FinalRead, { readonly kind: 'read' }>): Finding {
  if (final.kind === 'none') return unknownResult('no final read of a master');
  const reason = `several masters after the heal: ${final.nodes.join(', ')}`;
  return { validity: 'invalid', reasons: [reason], figures: {} };
}

/**
 * Returns the growth of an INFO counter during the trial, summed over all nodes. A restart resets a counter to 0.
 * Undefined if the counter was never sampled.
 */
export function counterGrowth(history: History, field: string): number | undefined {
  const last = new Map<string, number>();
  let growth = 0;
  for (const { from, name, node, data } of history.observations) {
    const count = data?.[field];
    if (from !== 'info' || name !== 'sample' || typeof count !== 'number') continue;
    const before = last.get(node ?? '');
    if (before !== undefined) growth += count >= before ? count - before : count;
    last.set(node ?? '', count);
  }
  return last.size === 0 ? undefined : growth;
}

/** A reason not to trust a figure, and the action to take. */
export interface Doubt {
  readonly reason: string;
  readonly remedy: string;
}

/** Combines the remedies for all doubts about a finding. */
export function remedyOf(doubts: readonly Doubt[]): Pick<CheckResult, 'remedy'> {
  return doubts.length === 0 ? {} : { remedy: doubts.map(({ remedy }) => remedy).join(' ') };
}

/**
 * Returns the reasons why keys may be absent without having been lost, which make the count of lost writes unreliable.
 */
export function vanishingDoubts(history: History, defaultTtlSeconds: number): readonly Doubt[] {
  const ttlSeconds = statedTtlSeconds(history) ?? defaultTtlSeconds;
  const doubts: Doubt[] = [];
  const evicted = counterGrowth(history, 'evictedKeys');
  if (evicted !== undefined && evicted > 0) {
    doubts.push({
      reason: `${evicted} keys were evicted during the trial: an absent key may be an evicted one`,
      remedy: 'Raise redis.maxmemory so that nothing is evicted while the drill runs, and run again.',
    });
  }
  const read = history.finals.at(-1)?.atUs;
  const written = history.operations.at(0)?.invoke.atUs;
  if (read !== undefined && written !== undefined && (read - written) / 1e6 >= ttlSeconds) {
    doubts.push({
      reason: `the trial lasted longer than the TTL of ${ttlSeconds} s: an absent key may be an expired one`,
      remedy: 'Raise client.defaultTtlSeconds above the length of a trial, and run again.',
    });
  }
  return doubts;
}

/** Returns the TTL of the writes, if the workload sets its own. */
function statedTtlSeconds(history: History): number | undefined {
  const stated = history.observations.flatMap(({ from, name, data }) =>
    from === 'workload' && name === 'ttl' ? [Number(data?.seconds)] : [],
  );
  return stated.length === 0 ? undefined : Math.min(...stated);
}
