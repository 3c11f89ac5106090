/**
 * Failover of a master as the sentinels announce it, and its effect on the writes to that master. Pure.
 *
 *   none ─▶ attempted ─▶ elected ─▶ overdue ─▶ none
 *                          └─▶ none (aborted, or the client has moved)
 *
 *   attempted   a sentinel asks for votes; the replicas are queried for their role
 *   elected     a majority has voted; writes wait for the promoted replica
 *   overdue     no promotion within the limit; writes are sent again, and the replicas are still queried
 *
 * One sentinel can attempt a failover alone and repeatedly. Only the votes of a majority, or an operator's SENTINEL
 * FAILOVER, make a sentinel announce `+elected-leader`. This sentinel promotes a replica two of its timer ticks later,
 * and publishes `+switch-master` another second later. Writes that the old master acknowledges between promotion and
 * publication are lost.
 */
import type { Address } from '../api/types.ts';

/** Failover of a master as one sentinel announces it. */
export type AnnouncedFailover =
  /** The sentinel asks the other sentinels for their votes. */
  | { readonly kind: 'attempted' }
  /** The sentinel has the votes and promotes a replica next; `replica` is the selected one, as soon as it is known. */
  | { readonly kind: 'elected'; readonly replica: Address | undefined }
  /** The replica has reported that it is the master. */
  | { readonly kind: 'promoted'; readonly replica: Address | undefined };

export type SentinelEvent =
  /** `failover` is undefined if the failover is over. */
  | { readonly kind: 'failover'; readonly failover: AnnouncedFailover | undefined }
  /** Any other event of the service, after which its state must be queried. */
  | { readonly kind: 'other' };

/** Failover of the current master, as announced by all sentinels together. */
export type Election =
  | { readonly kind: 'none' }
  | { readonly kind: 'attempted' }
  | { readonly kind: 'elected'; readonly since: number }
  /** `after`: the last step that was announced. */
  | { readonly kind: 'overdue'; readonly after: 'election' | 'promotion' };

export const NO_ELECTION: Election = { kind: 'none' };

/**
 * How long, in ms, writes wait for a replica to be promoted. The promotion follows 115 to 302 ms after
 * `+elected-leader` (decision 053).
 */
export const ELECTED_HOLD_MS = 750;

/**
 * Maximum time, in ms after the election, that writes wait if the promotion is announced. The client finds the promoted
 * replica by the time all sentinels report it, 1 to 2 s later. The limit ends a wait during which the leader or the
 * replica has died.
 */
export const PROMOTED_HOLD_MS = 3_000;

const ATTEMPTED = (): AnnouncedFailover => ({ kind: 'attempted' });
const ELECTED = (replica: Address | undefined): AnnouncedFailover => ({ kind: 'elected', replica });
const PROMOTED = (replica: Address | undefined): AnnouncedFailover => ({ kind: 'promoted', replica });
const OVER = (): undefined => undefined;

type Reading = (replica: Address | undefined) => AnnouncedFailover | undefined;

/** Channels of a failover, in the order in which a sentinel publishes them. */
const FAILOVER_CHANNELS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ['+try-failover', ATTEMPTED],
  ['+elected-leader', ELECTED],
  ['+failover-state-select-slave', ELECTED],
  ['+selected-slave', ELECTED],
  ['+failover-state-send-slaveof-noone', ELECTED],
  ['+failover-state-wait-promotion', ELECTED],
  ['+promoted-slave', PROMOTED],
  ['+failover-state-reconf-slaves', PROMOTED],
  ['-failover-abort-not-elected', OVER],
  ['-failover-abort-no-good-slave', OVER],
  ['-failover-abort-slave-timeout', OVER],
]);

/** All channels that announce a new master, a change in its health, or a failover. */
export const SENTINEL_CHANNELS: readonly string[] = [
  ...FAILOVER_CHANNELS.keys(),
  ...['+failover-end', '+failover-end-for-timeout', '+switch-master', '+config-update-from'],
  ...['+sdown', '-sdown', '+odown', '-odown', '+reset-master'],
];

/** Meaning of `failover-state` in the reply to SENTINEL MASTER. */
const FAILOVER_STATES: ReadonlyMap<string, Reading> = new Map([
  ['wait_start', ATTEMPTED],
  ['select_slave', ELECTED],
  ['send_slaveof_noone', ELECTED],
  ['wait_promotion', ELECTED],
  ['reconf_slaves', PROMOTED],
  ['update_config', PROMOTED],
]);

/** Returns the failover that a sentinel reports with this state; undefined if there is none. */
export function failoverOfState(state: string | undefined): AnnouncedFailover | undefined {
  return FAILOVER_STATES.get(state ?? 'none')?.(undefined);
}

/**
 * Parses a message from a sentinel: `master NAME IP PORT …`, `slave NAME IP PORT @ MASTER IP PORT …`, or for
 * `+switch-master` `NAME IP PORT IP PORT`. Returns undefined if the message concerns another service.
 */
export function parseSentinelEvent(
  channel: string,
  message: string,
  service: string,
): SentinelEvent | undefined {
  const words = message.split(' ');
  const isSwitch = channel === '+switch-master';
  const at = words.indexOf('@');
  const name = isSwitch ? words[0] : words[at === -1 ? 1 : at + 1];
  if (name !== service) return undefined;
  const reading = isSwitch ? undefined : FAILOVER_CHANNELS.get(channel);
  if (!reading) return { kind: 'other' };
  const [host, port] = [words[2], Number(words[3])];
  const replica = words[0] === 'slave' && host && Number.isInteger(port) ? { host, port } : undefined;
  return { kind: 'failover', failover: reading(replica) };
}

/**
 * Returns a failover with the address of its replica. A later announcement by the same sentinel without the address
 * refers to the same replica.
 */
export function continued(
  before: AnnouncedFailover | undefined,
  next: AnnouncedFailover | undefined,
): AnnouncedFailover | undefined {
  if (!next || next.kind === 'attempted' || next.replica) return next;
  return before && before.kind !== 'attempted' ? { ...next, replica: before.replica } : next;
}

const PROGRESS: Readonly<Record<AnnouncedFailover['kind'], number>> = {
  attempted: 0,
  elected: 1,
  promoted: 2,
};

/**
 * Returns the failover that has progressed furthest, because a sentinel that lost the election still announces its
 * attempt.
 */
export function furthest(failovers: readonly AnnouncedFailover[]): AnnouncedFailover | undefined {
  return [...failovers].sort((a, b) => PROGRESS[b.kind] - PROGRESS[a.kind])[0];
}

/**
 * Returns the next state. `announced`: the most advanced failover of the current master; undefined if no sentinel
 * announces one.
 */
export function nextElection(
  before: Election,
  announced: AnnouncedFailover | undefined,
  at: number,
): Election {
  switch (announced?.kind) {
    case undefined:
      return NO_ELECTION;
    case 'attempted':
      return { kind: 'attempted' };
    case 'promoted':
      // From now on, every write to the old master is lost.
      if (before.kind === 'overdue' && before.after === 'promotion') return before;
      if (before.kind !== 'elected') return { kind: 'elected', since: at };
      return at - before.since < PROMOTED_HOLD_MS ? before : { kind: 'overdue', after: 'promotion' };
    case 'elected':
      if (before.kind === 'overdue') return before;
      if (before.kind !== 'elected') return { kind: 'elected', since: at };
      return at - before.since < ELECTED_HOLD_MS ? before : { kind: 'overdue', after: 'election' };
  }
}
