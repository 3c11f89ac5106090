/**
 * Polls all sentinels in parallel, over one persistent connection each, so that a hung or dead sentinel does not delay
 * the others. A sentinel's view is updated by its events and by polls, which are sent after each event, frequently
 * during an outage, and otherwise once per second.
 */

import type { SentinelStatus } from '../api/connection.ts';
import type { Address } from '../api/types.ts';
import { addressKey } from './address.ts';
import {
  type AnnouncedFailover,
  continued,
  failoverOfState,
  parseSentinelEvent,
  SENTINEL_CHANNELS,
  type SentinelEvent,
} from './failover-announcement.ts';
import type { Link } from './link.ts';
import { NodePoller } from './node-poller.ts';
import { isReply } from './reply-error.ts';
import { now, withTimeout } from './timing.ts';

/**
 * How long, in ms, the last view of a sentinel still counts after the sentinel has stopped replying, while other
 * sentinels reply.
 */
const STALE_MS = 10_000;
/** Reason reported for a sentinel that replies, but does not monitor a master with this name. */
const NOT_MONITORED = 'does not monitor this service';

export interface SentinelView {
  readonly master: Address;
  /**
   * Configuration epoch, incremented with every successful failover. The highest epoch among the sentinels is current.
   */
  readonly epoch: number;
  /** Whether the sentinel reports the master as down, or is replacing it. */
  readonly troubled: boolean;
  /** Failover of `master` that this sentinel is carrying out; undefined if there is none. */
  readonly failover?: AnnouncedFailover | undefined;
  readonly at: number;
  /** Whether the same sentinel has reported a higher epoch before, which means that it was recreated. */
  readonly fell: boolean;
}

/** Views of the nodes that decide which node is master: sentinels, or the nodes of a cluster. */
export interface TopologyMonitor {
  /** Number of monitored nodes. */
  readonly count: number;
  /**
   * Returns the last view of each node that is replying. If none is, returns the last view of each node that has ever
   * replied.
   */
  views(): readonly SentinelView[];
  /** Whether a first decision is possible: a majority has replied, or all have replied or failed. */
  decided(): boolean;
  /**
   * Returns the reachable address of a node, given any of its announced names; undefined if it is unknown. Only in a
   * cluster.
   */
  reach?(announced: Address): Address | undefined;
  /** Reasons why nodes do not reply; empty: all reply. */
  readonly failures: string;
  /** Returns the state that the sentinels report; only with sentinels. */
  status?(): SentinelStatus;
  alert(on: boolean): void;
  close(): void;
}

/**
 * Subscribes to the events of a sentinel. In RESP3, a connection can carry messages in addition to replies. In RESP2, a
 * subscriber cannot send queries, so the subscription is ended. If the user may not subscribe to all channels, only
 * `+switch-master` is used.
 */
async function listenForEvents(
  link: Link,
  heard: (channel: string, message: string) => void,
  timeoutMs: number,
): Promise<void> {
  link.redis.on('message', heard);
  for (const channels of [SENTINEL_CHANNELS, ['+switch-master']]) {
    try {
      await withTimeout(link.redis.subscribe(...channels), timeoutMs, 'SUBSCRIBE');
      if (link.redis.mode === 'subscriber') await link.redis.unsubscribe();
      return;
    } catch (error) {
      if (link.closed !== undefined) throw new Error(link.closed);
      if (!isReply(error)) return;
    }
  }
}

export class SentinelMonitor implements TopologyMonitor {
  readonly #pollers: readonly NodePoller<SentinelView>[];
  readonly #views: (SentinelView | undefined)[];
  readonly #heard: boolean[];
  /** Whether the last poll of each sentinel succeeded. */
  readonly #answers: boolean[];
  /** Reason why the last poll of each sentinel failed. */
  readonly #failures: (string | undefined)[];
  readonly #addresses: readonly Address[];
  readonly #changed: () => void;

  constructor(options: {
    readonly addresses: readonly Address[];
    readonly open: (address: Address, timeoutMs: number) => Promise<Link>;
    readonly service: string;
    /** Maximum timeout for connecting or for a reply. */
    readonly maxTimeoutMs: number;
    readonly changed: () => void;
  }) {
    const { addresses } = options;
    this.#addresses = addresses;
    this.#changed = options.changed;
    this.#views = addresses.map(() => undefined);
    this.#heard = addresses.map(() => false);
    this.#answers = addresses.map(() => false);
    this.#failures = addresses.map(() => undefined);
    const report = (index: number, view: SentinelView | undefined, failure = NOT_MONITORED): void => {
      this.#heard[index] = true;
      this.#answers[index] = view !== undefined;
      this.#failures[index] = view ? undefined : failure;
      if (view) this.#see(index, view);
      options.changed();
    };
    this.#pollers = addresses.map(
      (address, index) =>
        new NodePoller({
          open: (timeoutMs) => options.open(address, timeoutMs),
          prepare: (link, wake, timeoutMs) =>
            listenForEvents(
              link,
              (channel, message) =>
                this.#announced(index, parseSentinelEvent(channel, message, options.service), wake),
              timeoutMs,
            ),
          ask: async (link) => parseView(await link.send('SENTINEL', ['MASTER', options.service])),
          report: (view, failure) => report(index, view, failure),
          maxTimeoutMs: options.maxTimeoutMs,
        }),
    );
  }

  /** Applies an event. The poll that follows confirms it, and provides the values that the event does not contain. */
  #announced(index: number, event: SentinelEvent | undefined, wake: () => void): void {
    if (!event) return;
    const view = this.#views[index];
    if (view && event.kind === 'failover') {
      const failover = continued(view.failover, event.failover);
      this.#views[index] = {
        ...view,
        failover,
        troubled: view.troubled || failover !== undefined,
        at: now(),
      };
      this.#changed();
    }
    wake();
  }

  #see(index: number, reported: SentinelView): void {
    const before = this.#views[index];
    const view = beforeSwitch(reported, before);
    const fell =
      before !== undefined && (view.epoch < before.epoch || (before.fell && view.epoch === before.epoch));
    this.#views[index] = { ...view, failover: continued(before?.failover, view.failover), fell };
  }

  views(): readonly SentinelView[] {
    const views = this.#views.filter((view) => view !== undefined);
    const since = now() - STALE_MS;
    const fresh = views.filter((view) => view.at >= since);
    return fresh.length > 0 ? fresh : views;
  }

  status(): SentinelStatus {
    const answering = this.#views.filter(
      (view, i) => view !== undefined && this.#answers[i],
    ) as SentinelView[];
    const leading = answering.toSorted((a, b) => b.epoch - a.epoch)[0];
    const named = leading && addressKey(leading.master);
    return {
      configured: this.count,
      answering: answering.length,
      agreeing: answering.filter(({ master }) => addressKey(master) === named).length,
      master: leading?.master,
      troubled: answering.some(({ troubled }) => troubled),
    };
  }

  get count(): number {
    return this.#views.length;
  }

  get failures(): string {
    return this.#addresses
      .map((address, i) => ({ address, failure: this.#failures[i] }))
      .filter(({ failure }) => failure !== undefined)
      .map(({ address, failure }) => `sentinel ${addressKey(address)}: ${failure}`)
      .join('; ');
  }

  decided(): boolean {
    return this.views().length > this.count / 2 || this.#heard.every(Boolean);
  }

  alert(on: boolean): void {
    for (const poller of this.#pollers) poller.alert(on);
  }

  close(): void {
    for (const poller of this.#pollers) poller.close();
  }
}

/**
 * Keeps the old master at its previous epoch. Between the promotion and `+switch-master`, a sentinel reports the epoch
 * of the new configuration together with the address of the old master. At this epoch, the old master would take
 * precedence over its successor.
 */
export function beforeSwitch(view: SentinelView, before: SentinelView | undefined): SentinelView {
  if (view.failover?.kind !== 'promoted') return view;
  const isKnown = before !== undefined && addressKey(before.master) === addressKey(view.master);
  return { ...view, epoch: isKnown ? Math.min(before.epoch, view.epoch) : view.epoch - 1 };
}

/** Parses the reply to SENTINEL MASTER; undefined if the sentinel does not monitor the service. */
export function parseView(reply: unknown): SentinelView | undefined {
  if (!Array.isArray(reply)) return undefined;
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]));
  const host = fields.get('ip');
  const port = Number(fields.get('port'));
  if (!host || !Number.isInteger(port)) return undefined;
  return {
    master: { host, port },
    epoch: Number(fields.get('config-epoch') ?? 0),
    troubled: /o_down|failover_in_progress/.test(fields.get('flags') ?? ''),
    failover: failoverOfState(fields.get('failover-state')),
    at: now(),
    fell: false,
  };
}
