/**
 * Determines the master from the reports of the Redis nodes and the sentinels. Pure.
 *
 * reports of all nodes that answer ─▶ `roleStateOf` ─▶ RoleState ─▶ `masterOf` (an id), `describeRoles` (a sentence)
 *
 * ROLE alone is not enough: a deposed master reports `master` for about 10 s after it comes back, until the sentinels
 * reconfigure it. The sentinels decide: a majority of them must answer, and of these the highest configuration epoch
 * wins (sentinel.c, sentinelProcessHelloMessage: the same rule by which sentinels adopt each other's configuration).
 */
import { majorityOf } from '../../config/majority.ts';

/** Reply of a Redis node to ROLE. */
export interface RedisReport {
  readonly id: string;
  readonly role: 'master' | 'replica';
  /** Node that a replica follows; undefined for a master, or if the address belongs to no node of the environment. */
  readonly follows?: string | undefined;
}

/** Reply of a sentinel to SENTINEL MASTER, and of the leader of a failover to SENTINEL REPLICAS. */
export interface SentinelReport {
  readonly id: string;
  /** Node that the sentinel reports as master; undefined if the address belongs to no node of the environment. */
  readonly names: string | undefined;
  readonly configEpoch: number;
  /** Flags of the master: `master`, `s_down`, `o_down`, `failover_in_progress`, … */
  readonly flags: readonly string[];
  /** Node that this sentinel, as the leader of a failover, is promoting. */
  readonly promotes?: string | undefined;
}

export interface RoleReports {
  /** Reports of the nodes that replied; other nodes are absent. */
  readonly redis: readonly RedisReport[];
  readonly sentinels: readonly SentinelReport[];
  /** Number of sentinels in the plan, including those without a reply; 0 if the topology has none. */
  readonly sentinelCount: number;
}

export type RoleState =
  /** The named node is the only master. */
  | { readonly kind: 'stable'; readonly master: string }
  /** One node reports `master`, but fewer than a majority of the sentinels answer: there is no confirmation. */
  | { readonly kind: 'unconfirmed'; readonly master: string; readonly sentinels: SentinelCount }
  /** `to` is undefined until the selected replica reports `master`. */
  | { readonly kind: 'failover'; readonly from: string; readonly to: string | undefined }
  /** A failover has ended, but previous masters still report `master`. */
  | { readonly kind: 'deposed-master'; readonly master: string; readonly deposed: readonly string[] }
  /** The named node does not answer, and no failover has begun. */
  | {
      readonly kind: 'master-down';
      readonly named: string;
      /** Sentinels that report the named node as down. */
      readonly seenDownBy: readonly string[];
      /** Nodes that report `master`, although the sentinels do not. */
      readonly others: readonly string[];
    }
  /** The node that the sentinels report as master is a replica. */
  | { readonly kind: 'named-replica'; readonly named: string; readonly follows: string | undefined }
  /** No single master is reported. */
  | { readonly kind: 'unknown'; readonly masters: readonly string[]; readonly sentinels: SentinelCount };

interface SentinelCount {
  readonly answering: number;
  readonly total: number;
}

export function roleStateOf(reports: RoleReports): RoleState {
  const masters = reports.redis.filter(({ role }) => role === 'master').map(({ id }) => id);
  const [only, ...more] = masters;
  const sentinels = { answering: reports.sentinels.length, total: reports.sentinelCount };
  const unknown: RoleState = { kind: 'unknown', masters, sentinels };
  if (sentinels.total === 0) {
    return only !== undefined && more.length === 0 ? { kind: 'stable', master: only } : unknown;
  }
  if (sentinels.answering < majorityOf(sentinels.total)) {
    return only !== undefined && more.length === 0
      ? { kind: 'unconfirmed', master: only, sentinels }
      : unknown;
  }
  const named = namedMaster(reports.sentinels);
  return named === undefined ? unknown : stateOfNamed(named, masters, reports);
}

/** Returns the node with the highest configuration epoch; on a tie, the one that most sentinels report. */
function namedMaster(sentinels: readonly SentinelReport[]): string | undefined {
  const latestEpoch = Math.max(...sentinels.map(({ configEpoch }) => configEpoch));
  const votes = sentinels.filter(({ configEpoch }) => configEpoch === latestEpoch).map(({ names }) => names);
  const count = (id: string | undefined) => votes.filter((vote) => vote === id).length;
  return [...votes].sort((a, b) => count(b) - count(a))[0];
}

function stateOfNamed(named: string, masters: readonly string[], reports: RoleReports): RoleState {
  const { sentinels } = reports;
  const leader = sentinels.find(({ flags }) => flags.includes('failover_in_progress'));
  const others = masters.filter((id) => id !== named);
  if (leader !== undefined) {
    const selected = leader.promotes;
    const isPromoted = selected !== undefined && masters.includes(selected);
    return { kind: 'failover', from: leader.names ?? named, to: isPromoted ? selected : undefined };
  }
  const own = reports.redis.find(({ id }) => id === named);
  if (own?.role === 'master') {
    const former = sentinels.find(({ names }) => names !== undefined && names !== named)?.names;
    const agreeing = sentinels.filter(({ names }) => names === named).length;
    // The leader has switched; the other sentinels receive the change within 2 s (sentinel.c, SENTINEL_PUBLISH_PERIOD).
    if (agreeing < majorityOf(reports.sentinelCount))
      return { kind: 'failover', from: former ?? named, to: named };
    if (others.length > 0) return { kind: 'deposed-master', master: named, deposed: others };
    return { kind: 'stable', master: named };
  }
  if (own?.role === 'replica') return { kind: 'named-replica', named, follows: own.follows };
  const seenDownBy = sentinels
    .filter(({ flags }) => flags.includes('s_down') || flags.includes('o_down'))
    .map(({ id }) => id);
  return { kind: 'master-down', named, seenDownBy, others };
}

/** Returns the node that accepts writes, as the sentinels and the node itself report; undefined if there is none. */
export function masterOf(state: RoleState): string | undefined {
  switch (state.kind) {
    case 'stable':
    case 'unconfirmed':
    case 'deposed-master':
      return state.master;
    case 'failover':
      return state.to;
    case 'master-down':
    case 'named-replica':
    case 'unknown':
      return undefined;
  }
}

/**
 * Returns the node that a majority of the sentinels report as master, even if it does not report master itself; during
 * a failover, this is the promoted node.
 */
export function reportedMasterOf(state: RoleState): string | undefined {
  switch (state.kind) {
    case 'stable':
    case 'deposed-master':
      return state.master;
    case 'failover':
      return state.to ?? state.from;
    case 'master-down':
    case 'named-replica':
      return state.named;
    case 'unconfirmed':
    case 'unknown':
      return undefined;
  }
}

/**
 * Describes the state in one sentence, such as "failover from redis-1: redis-2 is promoted, not yet announced to all
 * sentinels".
 */
export function describeRoles(state: RoleState): string {
  switch (state.kind) {
    case 'stable':
      return `${state.master} is master`;
    case 'unconfirmed':
      return `${state.master} reports master; only ${ofTotal(state.sentinels)} sentinels reply, so no failover is possible`;
    case 'failover':
      return state.to === undefined
        ? `failover from ${state.from} in progress: no replica is promoted yet`
        : `failover from ${state.from} in progress: ${state.to} is promoted`;
    case 'deposed-master':
      return `${state.master} is master; ${state.deposed.join(', ')} was master before the failover and still reports master, until the sentinels reconfigure it (about 10 s)`;
    case 'master-down':
      return describeMasterDown(state);
    case 'named-replica':
      return `no master: ${state.named}, which the sentinels name, is a replica of ${state.follows ?? 'an unknown address'}`;
    case 'unknown':
      return describeUnknown(state);
  }
}

function describeMasterDown({
  named,
  seenDownBy,
  others,
}: Extract<RoleState, { kind: 'master-down' }>): string {
  const seen =
    seenDownBy.length === 0
      ? 'no sentinel reports it as down yet'
      : `${seenDownBy.join(', ')} ${seenDownBy.length === 1 ? 'reports' : 'report'} it as down; a failover has not started`;
  const former =
    others.length === 0 ? '' : `; ${others.join(', ')} reports master and is not the one they report`;
  return `no master: ${named}, which the sentinels report, is unreachable; ${seen}${former}`;
}

function describeUnknown({ masters, sentinels }: Extract<RoleState, { kind: 'unknown' }>): string {
  const claims = masters.length === 0 ? 'no node reports master' : `${masters.join(' and ')} report master`;
  if (sentinels.total === 0) return `no single master: ${claims}`;
  return `no single master: ${claims}; ${ofTotal(sentinels)} sentinels reply, a majority is ${majorityOf(sentinels.total)}`;
}

function ofTotal({ answering, total }: SentinelCount): string {
  return `${answering} of ${total}`;
}
