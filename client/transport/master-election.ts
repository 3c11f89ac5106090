/**
 * Decides whether a candidate may be used as the master. Pure: takes the known topology and the report of a node, and
 * returns a decision.
 *
 * ROLE=master alone is not sufficient, because a deposed master also reports it until it is reconfigured. A candidate
 * is accepted in two cases: if it is the master in the newest configuration of the sentinels, or if it was a replica of
 * the last known master, it reports a promotion (0.85 s before the sentinels publish it), and there is other evidence
 * of a failover. A replica that was promoted by mistake is not accepted. The last known master is accepted again if
 * there is no evidence against it.
 */

import type { Address } from '../api/types.ts';
import { addressKey } from './address.ts';
import type { Role } from './link.ts';
import type { SentinelView } from './sentinel-monitor.ts';

/** How long, in ms, a deposed master is refused even if sentinels with the old configuration still report it. */
export const DEPOSED_MS = 5000;

export interface KnownTopology {
  /** Master that was adopted last; undefined before the first adoption. */
  readonly current: { readonly address: Address; readonly epoch: number } | undefined;
  /** Nodes that were replicas of `current`. */
  readonly replicas: ReadonlySet<string>;
  /** Previous masters, with the time at which each was replaced and the epoch of the sentinels at that time. */
  readonly deposed: ReadonlyMap<string, { readonly epoch: number; readonly at: number }>;
}

export interface OutageState {
  readonly at: number;
  /** `lost`: there is no connection. `suspect`: there is a connection, but a reply on it has been due for `owedMs`. */
  readonly kind: 'lost' | 'suspect';
  readonly owedMs: number;
  /**
   * How long a reply may be overdue, in ms, before the connection is replaced if the same node replies on another
   * connection.
   */
  readonly replaceAfterMs: number;
  /** Whether every known replica has been queried since the outage began, and has replied or failed. */
  readonly replicasHeard: boolean;
  /** How long the connection has been silent during this suspicion, in ms, even if it has replied since. */
  readonly silentMs: number;
  /** Whether a sentinel reports the master as down, or is replacing it. */
  readonly troubled: boolean;
  /** Whether the last known master refused a command, because it is a replica or is not ready. */
  readonly refused: boolean;
  /** Role that the last known master has reported since the outage began. */
  readonly former: Role['kind'] | 'silent' | 'unheard';
}

/** Silence, in ms, after which a failover is possible. No sentinel promotes a replica earlier. */
export const DOUBT_MS = 400;

export type Decision = 'sentinel' | 'role' | 'same' | 'no';

/** Returns the newest configuration; on a tie, the configuration that most sentinels report. */
export function leadingView(views: readonly SentinelView[]): SentinelView | undefined {
  const voices = new Map<string, number>();
  for (const view of views) {
    const key = `${view.epoch} ${addressKey(view.master)}`;
    voices.set(key, (voices.get(key) ?? 0) + 1);
  }
  const count = (view: SentinelView): number => voices.get(`${view.epoch} ${addressKey(view.master)}`) ?? 0;
  return [...views].sort((a, b) => b.epoch - a.epoch || count(b) - count(a))[0];
}

export function sameView(a: SentinelView, b: SentinelView): boolean {
  return a.epoch === b.epoch && addressKey(a.master) === addressKey(b.master);
}

/** Whether the sentinels report another master in a newer configuration. */
export function namesAnother(leading: SentinelView | undefined, topology: KnownTopology): boolean {
  const { current } = topology;
  if (!leading || !current || addressKey(leading.master) === addressKey(current.address)) return false;
  return leading.epoch > current.epoch;
}

export function evaluateCandidate(
  candidate: Address,
  role: Role,
  topology: KnownTopology,
  leading: SentinelView | undefined,
  outage: OutageState,
): Decision {
  if (role.kind !== 'master') return 'no';
  const key = addressKey(candidate);
  const { current } = topology;
  const named = leading !== undefined && addressKey(leading.master) === key;
  if (current && addressKey(current.address) === key) {
    if (namesAnother(leading, topology) || !outage.replicasHeard) return 'no';
    return outage.kind === 'lost' || outage.owedMs >= outage.replaceAfterMs ? 'same' : 'no';
  }
  if (current && topology.replicas.has(key) && !namesThird(leading, topology, key)) {
    if (named && leading.epoch > current.epoch) return 'role';
    return isChanging(outage) ? 'role' : 'no';
  }
  if (!named) return 'no';
  const deposed = topology.deposed.get(key);
  if (deposed && leading.epoch <= deposed.epoch) {
    const settled = outage.kind === 'lost' && !leading.troubled && outage.at - deposed.at > DEPOSED_MS;
    return settled ? 'sentinel' : 'no';
  }
  return current && leading.epoch < current.epoch ? 'no' : 'sentinel';
}

/** Whether there is evidence of a failover besides the candidate's own report. */
function isChanging({ kind, former, troubled, refused, silentMs }: OutageState): boolean {
  if (troubled || refused || former === 'replica') return true;
  return kind === 'suspect' ? silentMs > DOUBT_MS : former === 'silent' || former === 'unready';
}

function namesThird(leading: SentinelView | undefined, topology: KnownTopology, key: string): boolean {
  return namesAnother(leading, topology) && leading !== undefined && addressKey(leading.master) !== key;
}
