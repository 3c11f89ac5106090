/**
 * Polls some of the known nodes of a cluster in parallel for their view of the cluster, starting with the nodes in the
 * options. A node that does not reply is replaced by another.
 */

import type { Address } from '../../api/types.ts';
import type { ResolvedConnection } from '../../options/connection-options.ts';
import { addressKey } from '../address.ts';
import type { ConnectionFactory } from '../connection-factory.ts';
import { NodePoller } from '../node-poller.ts';
import { now } from '../timing.ts';
import { type ClusterView, parseNodes } from './nodes.ts';

/** Number of polled nodes. A majority of the masters is not needed, because the claim with the highest epoch wins. */
const ASKED_MAX = 5;
/**
 * How long, in ms, the last view of a node still counts after the node has stopped replying, while other nodes reply.
 */
const STALE_MS = 10_000;
/** Minimum interval between two extra polls, in ms. */
const ASK_MS = 20;
/** Time, in ms, before a node that was replaced after a failure may be polled again. */
const RETURN_MS = 1_000;

interface Asked {
  readonly address: Address;
  readonly poller: NodePoller<string>;
  heard: boolean;
  failed: boolean;
  view: ClusterView | undefined;
  /** Reason why the last poll failed. */
  failure: string | undefined;
  /** Last reply, without the fields that change every second. */
  text: string;
}

export class ClusterMonitor {
  readonly #options: ResolvedConnection;
  readonly #factory: Pick<ConnectionFactory, 'node'>;
  readonly #changed: () => void;
  readonly #asked = new Map<string, Asked>();
  /** Nodes that were replaced in the last `RETURN_MS`, with the time of the replacement, by address key. */
  readonly #replacedAt = new Map<string, number>();
  /** Shards that need frequent polls. */
  readonly #alarmed = new Set<unknown>();
  #known: readonly Address[];
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ResolvedConnection, factory: Pick<ConnectionFactory, 'node'>, changed: () => void) {
    this.#options = options;
    this.#factory = factory;
    this.#changed = changed;
    this.#known = options.addresses;
    this.#fill();
  }

  get count(): number {
    return this.#asked.size;
  }

  views(): readonly ClusterView[] {
    const views = [...this.#asked.values()].flatMap(({ view }) => view ?? []);
    const since = now() - STALE_MS;
    const fresh = views.filter(({ at }) => at >= since);
    return fresh.length > 0 ? fresh : views;
  }

  /** Reasons for the failed polls. */
  get failures(): string {
    return [...this.#asked]
      .filter(([, { failure }]) => failure !== undefined)
      .map(([key, { failure }]) => `${key}: ${failure}`)
      .join('; ');
  }

  decided(): boolean {
    const asked = [...this.#asked.values()];
    return asked.filter(({ view }) => view).length > asked.length / 2 || asked.every(({ heard }) => heard);
  }

  /** Sets the reachable addresses of all nodes. */
  know(addresses: readonly Address[]): void {
    this.#known = [...addresses, ...this.#options.addresses];
    this.#fill();
  }

  alert(who: unknown, on: boolean): void {
    if (on) this.#alarmed.add(who);
    else this.#alarmed.delete(who);
    for (const { poller } of this.#asked.values()) poller.alert(this.#alarmed.size > 0);
  }

  /**
   * Polls now, unless the last extra poll was too recent, so that a series of redirections does not cause one poll per
   * redirection.
   */
  ask(): void {
    const at = now();
    if (at - this.#askedAt < ASK_MS) return;
    this.#askedAt = at;
    for (const { poller } of this.#asked.values()) poller.ask();
  }

  close(): void {
    for (const { poller } of this.#asked.values()) poller.close();
    this.#asked.clear();
  }

  /**
   * Polls additional nodes up to the limit, and replaces failed ones. A replaced node is not polled for a while,
   * because nodes that all refuse immediately would otherwise keep replacing each other.
   */
  #fill(): void {
    const since = now() - RETURN_MS;
    for (const [key, at] of this.#replacedAt) if (at <= since) this.#replacedAt.delete(key);
    for (const address of this.#known) {
      const key = addressKey(address);
      if (this.#asked.has(key) || this.#replacedAt.has(key)) continue;
      if (this.#asked.size >= ASKED_MAX && !this.#drop()) return;
      this.#asked.set(key, this.#ask(address));
    }
  }

  #drop(): boolean {
    for (const [key, { failed, poller }] of this.#asked) {
      if (!failed) continue;
      this.#asked.delete(key);
      this.#replacedAt.set(key, now());
      poller.close();
      return true;
    }
    return false;
  }

  #ask(address: Address): Asked {
    const asked: Asked = {
      address,
      heard: false,
      failed: false,
      view: undefined,
      failure: undefined,
      text: '',
      poller: new NodePoller<string>({
        open: (timeoutMs) => this.#factory.node(address, timeoutMs),
        ask: async (link) => String(await link.send('CLUSTER', ['NODES'])),
        report: (text, failure) => this.#report(asked, text, failure),
        maxTimeoutMs: this.#options.connectTimeoutMs,
      }),
    };
    asked.poller.alert(this.#alarmed.size > 0);
    return asked;
  }

  #report(asked: Asked, reply: string | undefined, failure: string | undefined): void {
    asked.failure = failure;
    asked.heard = true;
    asked.failed = reply === undefined;
    if (reply === undefined) {
      this.#changed();
      return;
    }
    // Ping times and link states change with every reply, so they are removed before replies are compared.
    const text = reply.replace(/ \d+ \d+ (\d+) (?:dis)?connected/g, ' $1');
    const at = now();
    if (asked.view && text === asked.text) {
      asked.view = { ...asked.view, at };
      return;
    }
    asked.text = text;
    const { tls, natMap } = this.#options;
    asked.view = parseNodes(reply, { asked: asked.address, names: tls !== undefined, natMap, at });
    this.#changed();
  }
}
