/**
 * Combines the observations of the node-facts sampler: the rendered files of each node, and each probe with the replies
 * of every node. Pure.
 *
 * A run has a probe at its start, one at its end, and probes between trials. A fact that the first or the last probe
 * lacks is unknown; the probes in between can reveal wrong values, but may lack replies, since a node may be starting
 * at that moment.
 */
import { reportedDirectives } from '../../../infra/redis/conf/directive-values.ts';
import type { ServerFamily } from '../../../infra/redis/server-version.ts';
import { nodesOf, planTopology, WATCHDOG_ID } from '../../../infra/topology.ts';
import type { History, ObservationEvent } from '../../history/events.ts';
import type { CheckContext } from '../checker.ts';

/** Fields of one observation, as text. */
export type Fields = ReadonlyMap<string, string>;

/** Replies of one node in one probe. An absent fact means that the node did not reply. */
export interface NodeView {
  readonly id: string;
  /** Directives by canonical name, values in canonical form. */
  readonly config?: Fields;
  /** Rules by user. */
  readonly users?: Fields;
  /** Commands by category of the ACL. */
  readonly classes?: ReadonlyMap<string, readonly string[]>;
  /** Field `names`: commands in these categories that the node does not have under their name. */
  readonly absentCommands?: Fields;
  readonly info?: Fields;
  readonly role?: Fields;
  readonly ports?: Fields;
  readonly clusterNodes?: Fields;
  /**
   * Field `state`: `running`, `paused`, `stopped` or `unreachable`; `isRepaired` if this was its state before the run,
   * which repaired it. Only for the watchdog.
   */
  readonly watchdog?: Fields;
  readonly sentinelConfig?: Fields;
  /** Directives in the file that a sentinel keeps, of those that no command reports. */
  readonly kept?: Fields;
  /** Periods and timeouts of Sentinel itself, in ms. */
  readonly sentinelPeriods?: Fields;
  /** Masters that a sentinel monitors, and the replicas and other sentinels that it has discovered. */
  readonly masters?: readonly Fields[];
  readonly replicas?: readonly Fields[];
  readonly peers?: readonly Fields[];
}

export interface Probe {
  readonly when: 'start' | 'between' | 'end';
  readonly number: number;
  readonly nodes: ReadonlyMap<string, NodeView>;
}

/** Directives and users in a node's rendered files, as written there. */
export interface RenderedView {
  readonly directives: Fields;
  readonly users: Fields;
}

export interface NodeFacts {
  readonly rendered: ReadonlyMap<string, RenderedView>;
  readonly probes: readonly Probe[];
}

/**
 * Returns the ids of the nodes in the environment; for external servers, the ids of the sampled nodes. The watchdog is
 * not a node, but is judged like one.
 */
export function nodeIds(
  role: 'redis' | 'sentinel' | 'watchdog',
  { environment, substrate }: CheckContext,
  facts: NodeFacts,
) {
  if (role === 'watchdog') return [WATCHDOG_ID];
  if (substrate === 'external') {
    const asked = facts.probes.flatMap(({ nodes }) => [...nodes.keys()]);
    return [...new Set(asked)].filter((id) => id.startsWith(role));
  }
  return nodesOf(planTopology(environment))
    .filter((node) => node.role === role)
    .map(({ id }) => id);
}

/**
 * Cache of the facts, because every checker of nodes reads the same history, and the replies to CONFIG GET are long.
 */
const factsByHistory = new WeakMap<History, NodeFacts>();

export function nodeFacts(history: History): NodeFacts {
  const known = factsByHistory.get(history) ?? collectFacts(history);
  factsByHistory.set(history, known);
  return known;
}

function collectFacts({ observations }: History): NodeFacts {
  const rendered = new Map<string, RenderedView>();
  const probes: { when: Probe['when']; number: number; nodes: Map<string, NodeView> }[] = [];
  for (const seen of observations) {
    if (seen.from !== 'node') continue;
    const data = fieldsOf(seen);
    const { node } = seen;
    if (seen.name === 'probe') {
      probes.push({ when: timeOf(data.get('when')), number: Number(data.get('number')), nodes: new Map() });
    } else if (node !== undefined && (seen.name === 'rendered' || seen.name === 'rendered-users')) {
      const before = rendered.get(node) ?? { directives: new Map(), users: new Map() };
      rendered.set(node, {
        ...before,
        ...(seen.name === 'rendered' ? { directives: data } : { users: data }),
      });
    } else if (node !== undefined) {
      const nodes = probes.at(-1)?.nodes;
      nodes?.set(node, withFact(nodes.get(node) ?? { id: node }, seen.name, data));
    }
  }
  return { rendered, probes };
}

function timeOf(when: string | undefined): Probe['when'] {
  return when === 'start' || when === 'end' ? when : 'between';
}

function fieldsOf({ data = {} }: ObservationEvent): Fields {
  return new Map(Object.entries(data).map(([name, value]) => [name, String(value)]));
}

/** Names of observations that each hold one fact. */
const SINGLE: Readonly<Record<string, keyof NodeView>> = {
  users: 'users',
  'absent-commands': 'absentCommands',
  info: 'info',
  role: 'role',
  ports: 'ports',
  'cluster-nodes': 'clusterNodes',
  watchdog: 'watchdog',
  kept: 'kept',
  'sentinel-config': 'sentinelConfig',
  'sentinel-periods': 'sentinelPeriods',
};

/**
 * Names of observations that each hold one entry of a list; `…-count` precedes them, so that an empty list is recorded
 * as empty.
 */
const LISTS: Readonly<Record<string, 'masters' | 'replicas' | 'peers'>> = {
  'sentinel-master': 'masters',
  'sentinel-replica': 'replicas',
  'sentinel-peer': 'peers',
};

function withFact(view: NodeView, name: string, data: Fields): NodeView {
  if (name === 'config') return { ...view, config: reportedDirectives(data) };
  if (name === 'classes') {
    return { ...view, classes: new Map([...data].map(([category, names]) => [category, names.split(' ')])) };
  }
  const single = SINGLE[name];
  if (single !== undefined) return { ...view, [single]: data };
  const counted = LISTS[name.replace(/-count$/, '')];
  if (counted === undefined) return view;
  return { ...view, [counted]: name.endsWith('-count') ? [] : [...(view[counted] ?? []), data] };
}

/** Returns the family of the server from INFO; Redis if INFO does not contain it. */
export function familyOf({ info }: NodeView): ServerFamily {
  return info?.has('valkey_version') === true || info?.get('server_name') === 'valkey' ? 'valkey' : 'redis';
}

/** Returns the commands that the node does not have under their name; undefined if it was not asked. */
export function absentCommandsOf({ absentCommands }: NodeView): readonly string[] | undefined {
  return absentCommands
    ?.get('names')
    ?.split(' ')
    .filter((name) => name !== '');
}

/** Formats a point in time as text. */
export function timeInWords({ when, number }: Pick<Probe, 'when' | 'number'>): string {
  if (when === 'start') return 'at the start of the run';
  return when === 'end' ? 'at the end of the run' : `after trial ${number - 1}`;
}
