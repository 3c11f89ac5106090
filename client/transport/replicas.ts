/**
 * Reads from replicas, within the allowed staleness. The age of a replica's data is measured: the client reads the
 * offset of the master and then the offset of the replica. A replica that has reached the master's offset has
 * everything that was acknowledged before the master was queried, so its age is known from then on. A read is sent to a
 * replica whose data equalled the master's less than `maxStalenessMs` ago, and the reply counts only if this is still
 * true when it arrives. Everything else is read from the master, as are all reads while no replica is fresh. Left out:
 * reading this process's own writes, which requires the master.
 */

import { CommandError } from '../api/errors.ts';
import type { Address } from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { addressKey, parseKey } from './address.ts';
import type { ConnectionFactory } from './connection-factory.ts';
import { isRefusal, type Operation } from './dispatcher.ts';
import type { Link, Receiver } from './link.ts';
import { isReply } from './reply-error.ts';
import { delay, jittered, now, withTimeout } from './timing.ts';

/** Interval between measurements, as a share of the allowed staleness. */
const MEASURE_PART = 1 / 4;
const MEASURE_MIN_MS = 5;
const RECONNECT_MS = 500;
/** Commands that read the state of a node instead of data. */
const OWN = new Set(
  'SCAN HSCAN SSCAN ZSCAN KEYS DBSIZE RANDOMKEY OBJECT PING ECHO TIME ROLE INFO LASTSAVE MEMORY'.split(' '),
);
/** Error replies from a replica in a cluster after which another node is queried. */
const ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

interface Read {
  readonly operation: Operation;
  readonly replica: Replica;
  /** The reply contains every write that was acknowledged before this time. */
  readonly freshAsOf: number;
}

interface Replica {
  readonly address: Address;
  link: Link | undefined;
  opening: boolean;
  freshAsOf: number;
}

export class Replicas implements Receiver<Read> {
  readonly #options: ResolvedConnection;
  readonly #maxStalenessMs: number;
  readonly #factory: ConnectionFactory;
  readonly #known: () => ReadonlySet<string>;
  readonly #toMaster: (operation: Operation) => void;
  readonly #toleratedMs: (latencyMs: number) => number;
  readonly #reach: (announced: Address) => Address;
  readonly #replicas = new Map<string, Replica>();
  readonly #reads = new Set<Read>();
  readonly #ended = new AbortController();
  #master: Link | undefined;
  /** Recent offsets of the master. A lagging replica reaches these offsets one after the other. */
  #measures: { readonly at: number; readonly offset: number }[] = [];
  #turn = 0;

  constructor(
    options: ResolvedConnection,
    maxStalenessMs: number,
    factory: ConnectionFactory,
    context: {
      /** Addresses of the current replicas. */
      readonly known: () => ReadonlySet<string>;
      readonly toMaster: (operation: Operation) => void;
      /** Allowed silence, while a reply is due, for a node whose usual latency is `latencyMs`. */
      readonly toleratedMs: (latencyMs: number) => number;
      /** Maps an announced address to a reachable one. */
      readonly reach: (announced: Address) => Address;
    },
  ) {
    this.#options = options;
    this.#maxStalenessMs = maxStalenessMs;
    this.#factory = factory;
    this.#known = context.known;
    this.#toMaster = context.toMaster;
    this.#toleratedMs = context.toleratedMs;
    this.#reach = context.reach;
    void this.#run();
  }

  /**
   * Switches to another master. The freshness of replicas was measured against the previous master, so it is measured
   * again.
   */
  follow(master: Link | undefined): void {
    this.#master = master;
    this.#measures = [];
    for (const replica of this.#replicas.values()) replica.freshAsOf = Number.NEGATIVE_INFINITY;
  }

  get busy(): boolean {
    return this.#reads.size > 0;
  }

  /** Sends a read to a replica; false if the read must be sent to the master. */
  takes(operation: Operation): boolean {
    if (!operation.read || operation.once || OWN.has(operation.command.toUpperCase())) return false;
    if (this.#reads.size >= this.#options.maxInFlight) return false;
    const at = now();
    const replica = this.#pick(at);
    if (!replica?.link) return false;
    const read: Read = { operation, replica, freshAsOf: replica.freshAsOf };
    this.#reads.add(read);
    replica.link.dispatch(operation.command, operation.args, operation.buffers, this, read);
    return true;
  }

  answered(_: Link, reply: unknown, read: Read): void {
    if (!this.#reads.delete(read)) return;
    if (now() - read.freshAsOf <= this.#maxStalenessMs) read.operation.resolve(reply);
    else this.#toMaster(read.operation);
  }

  failed(_: Link, error: Error, read: Read): void {
    if (!this.#reads.delete(read)) return;
    const { operation } = read;
    if (isReply(error) && !isRefusal(error) && !ELSEWHERE.test(error.message))
      operation.reject(new CommandError(error.message, error, operation.command));
    else this.#toMaster(operation);
  }

  /** Closes the link of a replica that hangs. Its pending reads are sent to the master. */
  tick(at: number): void {
    for (const replica of this.#replicas.values()) {
      const { link } = replica;
      if (!link || link.closed !== undefined) continue;
      if (link.progress.owedMs(at) <= this.#toleratedMs(link.latencyMs)) continue;
      link.destroy('a reply is overdue');
      for (const read of this.#reads) {
        if (read.replica !== replica) continue;
        this.#reads.delete(read);
        this.#toMaster(read.operation);
      }
    }
  }

  /** Extends deadlines by the time during which this process was stalled. */
  forgive(ms: number, at: number): void {
    for (const { link } of this.#replicas.values()) link?.progress.forgive(ms, at);
  }

  /** Returns a counter that changes while a reply is arriving. */
  pieces(at: number): number {
    let pieces = 0;
    for (const { link } of this.#replicas.values()) pieces += link?.pieces(at, this.#toleratedMs) ?? 0;
    return pieces;
  }

  close(): void {
    this.#ended.abort();
    for (const { link } of this.#replicas.values()) link?.destroy('closed');
    this.#replicas.clear();
    for (const { operation } of this.#reads) this.#toMaster(operation);
    this.#reads.clear();
  }

  /** Picks the fresh replicas in turn. */
  #pick(at: number): Replica | undefined {
    const since = at - this.#maxStalenessMs;
    const fresh: Replica[] = [];
    for (const replica of this.#replicas.values())
      if (replica.freshAsOf >= since && replica.link && replica.link.closed === undefined)
        fresh.push(replica);
    this.#turn += 1;
    return fresh[this.#turn % fresh.length];
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#measure().catch(() => {});
      await delay(Math.max(MEASURE_MIN_MS, this.#maxStalenessMs * MEASURE_PART), signal);
    }
  }

  async #measure(): Promise<void> {
    const master = this.#master;
    if (!master) return;
    this.#keep();
    const askedAt = now();
    const role = (await withTimeout(master.send('ROLE', []), this.#maxStalenessMs, 'ROLE')) as unknown[];
    if (role[0] !== 'master') return;
    if (this.#master !== master) return;
    const since = askedAt - this.#maxStalenessMs;
    this.#measures = [
      ...this.#measures.filter(({ at }) => at >= since),
      { at: askedAt, offset: Number(role[1]) },
    ];
    await Promise.all(
      [...this.#replicas.values()].map((replica) => this.#compare(replica, master).catch(() => {})),
    );
  }

  async #compare(replica: Replica, master: Link): Promise<void> {
    const { link } = replica;
    if (!link || link.closed !== undefined) return;
    const role = await withTimeout(link.send('ROLE', []), this.#maxStalenessMs, 'ROLE');
    const [kind, host, port, state, reached] = role as readonly unknown[];
    const of = this.#reach({ host: String(host), port: Number(port) });
    // The offset of a replica that follows another master is not comparable.
    const follows =
      kind === 'slave' && state === 'connected' && addressKey(of) === addressKey(master.address);
    if (!follows || this.#master !== master) return;
    const last = this.#measures.findLast(({ offset }) => offset <= Number(reached));
    if (last) replica.freshAsOf = Math.max(replica.freshAsOf, last.at);
  }

  /** Keeps a link to each current replica, and to no other node. */
  #keep(): void {
    const known = this.#known();
    for (const [key, { link }] of this.#replicas) {
      if (known.has(key)) continue;
      link?.destroy('the node is no longer a replica');
      this.#replicas.delete(key);
    }
    for (const key of known) {
      let replica = this.#replicas.get(key);
      if (!replica) {
        const address = parseKey(key);
        replica = { address, link: undefined, opening: false, freshAsOf: Number.NEGATIVE_INFINITY };
        this.#replicas.set(key, replica);
      }
      if (!replica.opening && (!replica.link || replica.link.closed !== undefined)) void this.#open(replica);
    }
  }

  async #open(replica: Replica): Promise<void> {
    replica.opening = true;
    replica.freshAsOf = Number.NEGATIVE_INFINITY;
    let link: Link | undefined;
    try {
      link = await this.#factory.node(replica.address, this.#options.connectTimeoutMs);
      if (this.#options.mode === 'cluster') await link.send('READONLY', []);
      if (this.#ended.signal.aborted) link.destroy('closed');
      else replica.link = link;
    } catch {
      link?.destroy('the node cannot serve reads');
      await delay(jittered(RECONNECT_MS), this.#ended.signal);
    }
    replica.opening = false;
  }
}
