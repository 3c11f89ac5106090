/**
 * The supervised connection: one link to the current master. A lost link is replaced until the connection is closed.
 *
 *   discovery ─▶ link ─▶ ready ─▶ suspect (a reply is overdue: a discovery runs in parallel) ─▶ ready again, or moved
 *                          └────▶ lost (closed, demoted) ─▶ discovery …
 *                          └────▶ being replaced (writes wait, a discovery runs) ─▶ moved, or ready again
 *
 * No state is final except closed: a loss starts a discovery in the same call, and a discovery ends only when it has
 * found the master. `topology-history.ts` keeps the known topology, `master-election.ts` decides, `silence.ts`
 * evaluates a master whose reply is overdue, `traffic.ts` sends the commands. A cluster has one supervisor per shard.
 */
import type { Redis } from 'ioredis';
import type { SentinelStatus } from '../api/connection.ts';
import { NotSentError } from '../api/errors.ts';
import type { Emitter } from '../api/events.ts';
import type {
  Address,
  ConnectionEvent,
  ConnectionState,
  Durability,
  SupervisedConnection,
} from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { translateAddress } from './address.ts';
import type { Argument, CallOptions, Submit } from './commands.ts';
import type { ConnectionFactory } from './connection-factory.ts';
import { ElectionWatch } from './election-watch.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Link, Role } from './link.ts';
import { type Found, MasterDiscovery } from './master-discovery.ts';
import { followWhole, type PartListener } from './part.ts';
import { RejectionBackoff } from './rejection-backoff.ts';
import type { SentinelView, TopologyMonitor } from './sentinel-monitor.ts';
import { Silence } from './silence.ts';
import { Stalls } from './stalls.ts';
import { Standing } from './standing.ts';
import { now } from './timing.ts';
import { TopologyHistory } from './topology-history.ts';
import { Traffic } from './traffic.ts';

const TICK_MS = 20;

export class Supervisor implements SupervisedConnection {
  readonly #options: ResolvedConnection;
  readonly #events: Emitter<ConnectionEvent>;
  readonly #factory: ConnectionFactory;
  readonly #traffic: Traffic;
  readonly #silence: Silence;
  readonly #stalls = new Stalls(TICK_MS);
  readonly #history: TopologyHistory;
  readonly #election: ElectionWatch;
  readonly #monitor: TopologyMonitor | undefined;
  readonly #standing = new Standing();
  readonly #rejections = new RejectionBackoff();
  readonly #heartbeat = new Heartbeat((link, role) => this.#beaten(link, role));
  readonly #timer: NodeJS.Timeout;
  #link: Link | undefined;
  #discovery: MasterDiscovery | undefined;
  #outageSince = now();
  #lostAt = now();
  #lastReason = 'not connected yet';

  /** @param monitor reports the master; without a monitor, the master is the only address in the options */
  constructor(
    options: ResolvedConnection,
    events: Emitter<ConnectionEvent>,
    factory: ConnectionFactory,
    monitor?: (changed: () => void) => TopologyMonitor,
  ) {
    this.#options = options;
    this.#events = events;
    this.#factory = factory;
    const reach = (announced: Address): Address =>
      this.#monitor?.reach?.(announced) ?? translateAddress(announced, options.natMap);
    this.#history = new TopologyHistory(reach);
    this.#election = new ElectionWatch(this.#history);
    this.#silence = new Silence(options);
    this.#traffic = new Traffic(options, factory, {
      refused: (link, reason) => this.#refused(link, reason),
      why: () => this.#discovery?.failures || this.#monitor?.failures || this.#lastReason,
      replicas: () => this.#history.topology.replicas,
      reach,
      toleratedMs: (latencyMs) => this.#silence.toleratedMs(latencyMs),
      hasBeenReady: () => this.#history.number > 0,
    });
    this.#monitor = monitor?.(() => this.#consult());
    // Ticks run after the poll phase, so that a busy process reads the replies waiting in the socket before it
    // evaluates the node.
    this.#timer = setInterval(() => setImmediate(() => this.#tick()), TICK_MS);
    this.#timer.unref();
    this.#startDiscovery();
  }

  get state(): ConnectionState {
    return this.#standing.state;
  }

  /** How long the state has lasted, in ms, on the monotonic clock. */
  get stateForMs(): number {
    return this.#standing.forMs;
  }

  get #views(): readonly SentinelView[] {
    return this.#monitor?.views() ?? [];
  }

  sentinels(): SentinelStatus | undefined {
    return this.#monitor?.status?.();
  }

  call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { replica: true });
  }

  callBuffer(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { buffers: true, replica: true });
  }

  /** Like `call`, with options; used by the cache. */
  request(command: string, args: readonly Argument[], options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => this.submit(command, args, options, now(), resolve, reject));
  }

  /** Sends GET, together with the other GETs of this tick. */
  get(key: string, failFast = false): Promise<Buffer | null> {
    return this.#traffic.get(key, failFast);
  }

  /** Like `request`, without a promise. `startedAt`: start of the command's deadline. */
  readonly submit: Submit = (command, args, options, startedAt, resolve, reject) =>
    this.#traffic.submit(command, args, options, startedAt, resolve, reject);

  callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly Argument[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return this.durable(durability, command, args, now() + this.#options.commandTimeoutMs);
  }

  /** Sends a durable write. `asking`: the key is migrating to this node, and the cluster redirected the command. */
  durable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    args: readonly Argument[],
    deadline: number,
    asking = false,
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return this.#traffic.durable(durability, command, args, deadline, asking);
  }

  /** Returns this connection, which serves all keys. */
  at(): this {
    return this;
  }

  /** Counter that changes while a reply is arriving or a large command is being sent (`CacheConnection`). */
  get pieces(): number {
    return this.#traffic.pieces;
  }

  /** Queries the role now, because the node may no longer be master. */
  recheck(): void {
    if (this.#link) this.#heartbeat.recheck(this.#link);
  }

  follow(listener: PartListener): void {
    followWhole(this.#events, listener);
  }

  current(): Redis | undefined {
    return this.#link?.redis;
  }

  async subscriber(): Promise<Link> {
    if (!this.#link) throw new NotSentError(`no master (${this.#lastReason})`);
    return this.#factory.subscriber(this.#link.address, false);
  }

  on(listener: (event: ConnectionEvent) => void): () => void {
    return this.#events.on(listener);
  }

  async close(): Promise<void> {
    if (this.state.kind === 'closed') return;
    this.#standing.enter({ kind: 'closed' });
    clearInterval(this.#timer);
    this.#discovery?.stop();
    this.#monitor?.close();
    this.#link = undefined;
    this.#traffic.close();
    this.#events.emit({ type: 'closed' });
  }

  /** Handles a link that is closed, or whose node is no longer master. Later commands use another link. */
  #lost(link: Link, reason: string): void {
    if (link !== this.#link || this.state.kind === 'closed') return;
    this.#link = undefined;
    this.#lastReason = reason;
    this.#lostAt = now();
    this.#outageSince = this.#silence.since ?? this.#lostAt;
    this.#silence.end();
    this.#standing.enter({ kind: 'connecting', since: Date.now(), attempt: 1 });
    this.#traffic.detach(reason, link.closed === undefined ? 'demoted' : 'closed');
    this.#events.emit({ type: 'lost', master: link.address, reason });
    this.#startDiscovery();
  }

  #refused(link: Link, reason: string): void {
    this.#rejections.note(link.address);
    this.#lost(link, `the node refuses: ${reason}`);
  }

  #startDiscovery(): void {
    this.#monitor?.alert(true);
    if (this.#discovery) this.#discovery.refresh();
    else this.#discovery = this.#newDiscovery();
  }

  #newDiscovery(): MasterDiscovery {
    return new MasterDiscovery({
      topology: () => this.#history.topology,
      views: () => this.#history.translated(this.#views),
      decided: () => this.#monitor?.decided() ?? true,
      outage: () => ({
        at: now(),
        kind: this.#link ? 'suspect' : 'lost',
        since: this.#silence.since ?? this.#lostAt,
        owedMs: this.#traffic.owedMs(now()),
        replaceAfterMs: this.#silence.replacedAfterMs,
        silentMs: this.#silence.ms,
        troubled: this.#election.isTroubled(this.#views, !!this.#link && this.#silence.isMasterTrusted),
        refused:
          !this.#link && this.#rejections.since(this.#lostAt - 1, this.#history.topology.current?.address),
      }),
      open: async (address, timeoutMs) => {
        await this.#rejections.over(address);
        return this.#factory.node(address, timeoutMs);
      },
      timeoutRange: () => this.#factory.timeoutRange,
      only: this.#monitor ? undefined : this.#options.addresses[0],
      found: (found) => this.#found(found),
      heard: (address, role) => this.#heard(address, role),
    });
  }

  #heard(address: Address, role: Role | undefined): void {
    if (role?.kind === 'replica' && this.#history.follows(address, role.of)) this.#discovery?.refresh();
    this.#considerCalm();
  }

  #stopSearch(): void {
    this.#discovery?.stop();
    this.#discovery = undefined;
    this.#monitor?.alert(false);
  }

  #found(found: Found): void {
    if (this.state.kind === 'closed') {
      found.link.destroy('closed');
      return;
    }
    if (this.#link?.isOfSameNode(found.link) && !this.#isOverdue(this.#link)) {
      this.#renamed(found);
      return;
    }
    const from = this.#history.topology.current?.address;
    const old = this.#link;
    this.#stopSearch();
    this.#link = undefined;
    if (old) this.#leave(old, found);
    this.#history.adopt(found.link.address, found.role, found.learnedFrom, this.#views);
    this.#link = found.link;
    const master = found.link.address;
    void found.link.over.then((reason) => this.#lost(found.link, reason));
    const since = this.#silence.since ?? (old ? (this.#election.decidedAt ?? now()) : this.#outageSince);
    const outageMs = Math.round(now() - since);
    this.#silence.end();
    this.#heartbeat.begin();
    this.#standing.enter({ kind: 'ready', since: Date.now(), master });
    if (from && found.learnedFrom !== 'same')
      this.#events.emit({ type: 'moved', from, to: master, learnedFrom: found.learnedFrom });
    this.#election.observe(this.#views);
    this.#traffic.attach(found.link, this.#election.isDecided);
    this.#events.emit({ type: 'ready', master, outageMs });
    this.#consult();
  }

  /** Called when the sentinels report the current master under a different name. The existing link is kept. */
  #renamed({ link, role }: Found): void {
    link.destroy('another name of the master');
    this.#stopSearch();
    this.#history.adopt(link.address, role, 'same', this.#views);
    this.#considerCalm();
    if (this.#silence.since !== undefined) this.#startDiscovery();
  }

  #isOverdue({ latencyMs }: Link): boolean {
    return this.#traffic.owedMs(now()) >= this.#silence.toleratedMs(latencyMs);
  }

  #leave(old: Link, found: Found): void {
    const same = found.learnedFrom === 'same';
    const reason = same ? 'the node replies, but not on this connection' : 'another node is master';
    this.#events.emit({ type: 'lost', master: old.address, reason });
    this.#traffic.detach(reason, same ? 'reconnected' : 'demoted');
  }

  #tick(): void {
    const at = now();
    this.#traffic.tick(at, this.#stalls.tick(at));
    const link = this.#link;
    if (!link) return;
    if (this.#election.isDecided) this.#followElection();
    const { since, isSuspected } = this.#silence;
    const owedMs = this.#traffic.owedMs(at);
    if (!isSuspected && owedMs > this.#silence.toleratedMs(link.latencyMs))
      this.#suspect(link, `no reply for ${Math.round(owedMs)} ms`, at - owedMs);
    else if (since === undefined) this.#watchFor(link, at);
    else if (!this.#isSilent(link, at)) this.#considerCalm();
    else if (this.#silence.isLong(at)) this.#traffic.doubt();
  }

  /** Watches for silence while the state is ready. */
  #watchFor(link: Link, at: number): void {
    const silentMs = this.#traffic.silentMs(at);
    if (silentMs > this.#silence.doubtedAfterMs(link.latencyMs)) {
      this.#silence.begin(at - silentMs, false);
      this.#traffic.doubt();
      this.#startDiscovery();
    } else if (this.#heartbeat.isDue(at)) this.#heartbeat.ask(link);
  }

  /** Whether the link is still silent, according to the limit that applied when the silence began. */
  #isSilent({ latencyMs }: Link, at: number): boolean {
    return this.#silence.isSuspected
      ? this.#traffic.owedMs(at) >= this.#silence.toleratedMs(latencyMs)
      : this.#traffic.silentMs(at) >= this.#silence.doubtedAfterMs(latencyMs);
  }

  #suspect(link: Link, reason: string, since: number): void {
    this.#silence.begin(since, true);
    this.#standing.enter({ kind: 'suspect', since: Date.now(), master: link.address, reason });
    this.#traffic.hold();
    this.#events.emit({ type: 'suspect', master: link.address, reason });
    this.#startDiscovery();
  }

  /** Handles a silent link that replies again. After a long silence, the replicas are first checked for a promotion. */
  #considerCalm(): void {
    const link = this.#link;
    const { since, isSuspected } = this.#silence;
    if (!link || since === undefined) return;
    const at = now();
    if (this.#isSilent(link, at) || this.#election.isDecided || this.#history.contested(this.#views)) {
      this.#silence.resume();
      return;
    }
    const calmAt = this.#silence.calm(at);
    if (this.#silence.isLong(at) && this.#discovery?.replicasHeard(calmAt) === false) return;
    this.#silence.end();
    if (!this.#election.isUnderway) this.#stopSearch();
    if (isSuspected) this.#standing.enter({ kind: 'ready', since: Date.now(), master: link.address });
    this.#traffic.release();
    if (isSuspected)
      this.#events.emit({ type: 'ready', master: link.address, outageMs: Math.round(at - since) });
  }

  /** Handles a role that the master has reported. */
  #beaten(link: Link, role: Role): void {
    if (link !== this.#link) return;
    if (role.kind === 'master') this.#history.seeReplicas(role.replicas);
    else if (this.#monitor && role.kind !== 'untold')
      this.#refused(link, role.kind === 'replica' ? 'it is a replica now' : role.reason);
  }

  /** Queries the replicas while a failover is announced; once a sentinel is elected, writes wait for the promotion. */
  #followElection(): void {
    this.#election.observe(this.#views);
    if (!this.#link) return;
    if (!this.#silence.isSuspected) this.#traffic.holdWrites(this.#election.isDecided);
    if (!this.#election.isUnderway) {
      if (this.#discovery && this.#silence.since === undefined) this.#stopSearch();
    } else if (!this.#discovery) {
      this.recheck();
      this.#startDiscovery();
    }
  }

  /** Handles a change in the views of the sentinels. */
  #consult(): void {
    if (this.state.kind === 'closed') return;
    this.#history.confirm(this.#views);
    this.#history.rebase(this.#views, this.#monitor?.count ?? 0);
    this.#followElection();
    this.#discovery?.refresh();
    if (!this.#link || this.#silence.isSuspected || !this.#history.contested(this.#views)) return;
    this.#suspect(this.#link, 'the sentinels report another master', now());
  }
}
