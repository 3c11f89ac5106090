/**
 * The supervised connection: one link to whoever is master, replaced for ever until it is closed.
 *
 *   search ─▶ link ─▶ ready ─▶ suspect (owes an answer: a search runs beside it) ─▶ ready again, or moved
 *                       └────▶ lost (closed, demoted) ─▶ search …
 *
 * There is no state without a way on: a loss starts the search in the same call, the search ends only by finding the
 * master, and a failure inside it is one more failed probe. `generation.ts` keeps what is known about the nodes,
 * `adoption.ts` decides, `dispatcher.ts` and `durable.ts` carry the commands. A cluster has one for each shard (`cluster/`).
 */
import type { Redis } from 'ioredis';
import { NotSentError } from '../errors.ts';
import type { Emitter } from '../events.ts';
import type { ResolvedConnection } from '../options.ts';
import type {
  Address,
  ConnectionEvent,
  ConnectionState,
  Durability,
  SupervisedConnection,
} from '../types.ts';
import { DOUBT_MS } from './adoption.ts';
import { type CallOptions, isRead } from './commands.ts';
import type { Dial } from './dial.ts';
import { Dispatcher } from './dispatcher.ts';
import { DurableChannel } from './durable.ts';
import { Generation } from './generation.ts';
import { Gets } from './gets.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Argument, Link, Role } from './link.ts';
import { followWhole, type PartListener } from './part.ts';
import { Refusal } from './refusal.ts';
import { Replicas } from './replicas.ts';
import { type Found, Search } from './search.ts';
import type { Board, SentinelStatus } from './sentinels.ts';
import { Standing } from './standing.ts';
import { now } from './timing.ts';

const TICK_MS = 20;
/** Never more patient than this with a slow node, in ms. */
const HANG_MAX_MS = 1000;

export class Supervisor implements SupervisedConnection {
  readonly #options: ResolvedConnection;
  readonly #events: Emitter<ConnectionEvent>;
  readonly #dial: Dial;
  readonly #dispatcher: Dispatcher;
  readonly #durable: DurableChannel;
  readonly #gets: Gets;
  readonly #replicas: Replicas | undefined;
  readonly #generation: Generation;
  readonly #board: Board | undefined;
  readonly #standing = new Standing();
  readonly #refusal = new Refusal();
  readonly #heartbeat = new Heartbeat((link, role) => this.#beaten(link, role));
  readonly #timer: NodeJS.Timeout;
  #link: Link | undefined;
  #search: Search | undefined;
  #outageSince = now();
  #lostAt = now();
  #silentSince: number | undefined;
  /** When a suspected link was first seen to answer again. */
  #calmAt: number | undefined;
  #lastReason = 'not connected yet';

  /** `board`: who says who is master; without one it is the one address of the options. */
  constructor(
    options: ResolvedConnection,
    events: Emitter<ConnectionEvent>,
    dial: Dial,
    board?: (changed: () => void) => Board,
  ) {
    this.#options = options;
    this.#events = events;
    this.#dial = dial;
    this.#generation = new Generation(options.natMap);
    const why = (): string => this.#search?.failures || this.#board?.failures || this.#lastReason;
    this.#dispatcher = new Dispatcher({
      refused: (link, reason) => this.#refused(link, reason),
      why,
      maxInFlight: options.maxInFlight,
    });
    this.#durable = new DurableChannel({
      commandTimeoutMs: options.commandTimeoutMs,
      refused: (reason) => this.#link && this.#refused(this.#link, reason),
      why,
    });
    this.#gets = new Gets(
      (command, args, impatient, resolve, reject) =>
        this.submit(command, args, { buffers: true, impatient, replica: true }, now(), resolve, reject),
      () => !this.#dispatcher.busy && !this.#replicas?.busy,
    );
    if (options.replicaReads)
      this.#replicas = new Replicas(options, options.replicaReads.maxStalenessMs, dial, {
        known: () => this.#generation.knowledge.replicas,
        toMaster: (operation) => this.#dispatcher.submit(operation),
      });
    this.#board = board?.(() => this.#consult());
    // After the poll phase: when this process was busy, answers that lie in the socket are read before anybody is judged.
    this.#timer = setInterval(() => setImmediate(() => this.#tick()), TICK_MS);
    this.#timer.unref();
    this.#startSearch();
  }

  get state(): ConnectionState {
    return this.#standing.state;
  }

  /** How long the state has lasted, in ms, on the monotonic clock. */
  get stateForMs(): number {
    return this.#standing.forMs;
  }

  sentinels = (): SentinelStatus | undefined => this.#board?.status?.();

  call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { replica: true });
  }

  callBuffer(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { buffers: true, replica: true });
  }

  /** `call` with options; the cache's way in. */
  request(command: string, args: readonly Argument[], options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => this.submit(command, args, options, now(), resolve, reject));
  }

  /** GET, together with the others of this tick. */
  get(key: string, impatient = false): Promise<Buffer | null> {
    return this.#gets.get(key, impatient);
  }

  /** `request` without a promise of its own, for who sends it on again. `startedAt`: when its time began. */
  submit(
    command: string,
    args: readonly Argument[],
    options: CallOptions,
    startedAt: number,
    resolve: (reply: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    const operation = {
      command,
      args,
      buffers: options.buffers === true,
      read: isRead(command),
      impatient: options.impatient === true && this.#generation.number > 0,
      once: options.once === true,
      startedAt,
      deadline: startedAt + this.#options.commandTimeoutMs,
      resolve,
      reject,
      link: undefined,
    };
    if (options.replica && this.#replicas?.takes(operation)) return;
    this.#dispatcher.submit(operation);
  }

  callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly Argument[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return this.durable(durability, command, args, now() + this.#options.commandTimeoutMs);
  }

  /** `asking`: the key is being moved here, by a cluster that redirected the command. */
  durable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    args: readonly Argument[],
    deadline: number,
    asking = false,
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return new Promise((resolve, reject) =>
      this.#durable.submit({ durability, command, args, deadline, asking, resolve, reject }),
    );
  }

  /** The one connection there is serves all keys. */
  at(): this {
    return this;
  }

  /** Something suggests that the node is no master any more: it is asked now. */
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
    return this.#dial.subscriber(this.#link.address, false);
  }

  on(listener: (event: ConnectionEvent) => void): () => void {
    return this.#events.on(listener);
  }

  async close(): Promise<void> {
    if (this.state.kind === 'closed') return;
    this.#standing.enter({ kind: 'closed' });
    clearInterval(this.#timer);
    this.#search?.stop();
    this.#board?.close();
    this.#link = undefined;
    this.#gets.flush();
    this.#replicas?.close();
    this.#dispatcher.close();
    this.#durable.close();
    this.#events.emit({ type: 'closed' });
  }

  /** The link is closed, or its node is no master: whatever comes next comes over another link. */
  #lost(link: Link, reason: string): void {
    if (link !== this.#link || this.state.kind === 'closed') return;
    this.#link = undefined;
    this.#lastReason = reason;
    this.#lostAt = now();
    this.#outageSince = this.#silentSince ?? this.#lostAt;
    this.#silentSince = undefined;
    this.#standing.enter({ kind: 'connecting', since: Date.now(), attempt: 1 });
    this.#replicas?.follow(undefined);
    this.#dispatcher.detach(reason, link.closed === undefined);
    this.#durable.detach(reason, link.closed === undefined);
    this.#events.emit({ type: 'lost', master: link.address, reason });
    this.#startSearch();
  }

  #refused(link: Link, reason: string): void {
    this.#refusal.note(link.address);
    this.#lost(link, `the node refuses: ${reason}`);
  }

  #startSearch(): void {
    this.#board?.alert(true);
    if (this.#search) this.#search.refresh();
    else this.#search = this.#newSearch();
  }

  #newSearch(): Search {
    return new Search({
      knowledge: () => this.#generation.knowledge,
      views: () => this.#generation.translated(this.#board?.views() ?? []),
      decided: () => this.#board?.decided() ?? true,
      situation: () => ({
        at: now(),
        kind: this.#link ? 'suspect' : 'lost',
        since: this.#silentSince ?? this.#lostAt,
        owedMs: this.#owedMs(now()),
        replaceAfterMs: Math.min(this.#options.commandTimeoutMs, HANG_MAX_MS),
        silentMs: this.#silentSince === undefined ? 0 : (this.#calmAt ?? now()) - this.#silentSince,
        troubled: this.#generation.troubled(this.#board?.views() ?? []),
        refused:
          !this.#link && this.#refusal.since(this.#lostAt - 1, this.#generation.knowledge.current?.address),
      }),
      open: async (address, timeoutMs) => {
        await this.#refusal.over(address);
        return this.#dial.node(address, timeoutMs);
      },
      patience: () => this.#dial.patience,
      only: this.#board ? undefined : this.#options.addresses[0],
      found: (found) => this.#found(found),
      heard: (address, role) => this.#heard(address, role),
    });
  }

  #heard(address: Address, role: Role | undefined): void {
    if (role?.kind === 'replica' && this.#generation.follows(address, role.of)) this.#search?.refresh();
    this.#considerCalm();
  }

  #stopSearch(): void {
    this.#search?.stop();
    this.#search = undefined;
    this.#board?.alert(false);
  }

  #found(found: Found): void {
    if (this.state.kind === 'closed') {
      found.link.destroy('closed');
      return;
    }
    const from = this.#generation.knowledge.current?.address;
    const old = this.#link;
    this.#stopSearch();
    this.#link = undefined;
    if (old) this.#leave(old, found);
    this.#generation.adopt(found.link.address, found.role, found.learnedFrom, this.#board?.views() ?? []);
    this.#link = found.link;
    const master = found.link.address;
    void found.link.over.then((reason) => this.#lost(found.link, reason));
    const outageMs = Math.round(now() - (this.#silentSince ?? this.#outageSince));
    this.#silentSince = undefined;
    this.#heartbeat.begin();
    this.#standing.enter({ kind: 'ready', since: Date.now(), master });
    if (from && found.learnedFrom !== 'same')
      this.#events.emit({ type: 'moved', from, to: master, learnedFrom: found.learnedFrom });
    this.#durable.attach(() => this.#dial.node(master, this.#options.connectTimeoutMs));
    this.#dispatcher.attach(found.link);
    this.#replicas?.follow(found.link);
    this.#events.emit({ type: 'ready', master, outageMs });
    this.#consult();
  }

  #leave(old: Link, found: Found): void {
    const same = found.learnedFrom === 'same';
    const reason = same ? 'the node answers, but not on this connection' : 'another node is master';
    this.#events.emit({ type: 'lost', master: old.address, reason });
    this.#dispatcher.detach(reason, !same);
    this.#durable.detach(reason, !same);
  }

  #tick(): void {
    const at = now();
    this.#replicas?.tick(at);
    this.#dispatcher.tick(at);
    this.#durable.tick(at);
    const link = this.#link;
    if (!link) return;
    const owedMs = this.#owedMs(at);
    if (this.#silentSince === undefined) {
      if (owedMs > this.#toleratedMs(link))
        this.#suspect(link, `no answer for ${Math.round(owedMs)} ms`, at - owedMs);
      else if (this.#heartbeat.isDue(at)) this.#heartbeat.ask(link);
      return;
    }
    if (owedMs < this.#toleratedMs(link)) this.#considerCalm();
    else if (at - this.#silentSince > DOUBT_MS) this.#dispatcher.doubt();
  }

  /** For how long this node may owe an answer: what is slow but alive is not hung. */
  #toleratedMs(link: Link): number {
    return Math.min(Math.max(this.#options.hangSuspectedMs, link.latencyMs * 4), HANG_MAX_MS);
  }

  #owedMs(at: number): number {
    return Math.max(this.#link?.owedMs(at) ?? 0, this.#durable.owedMs(at));
  }

  #suspect(link: Link, reason: string, since: number): void {
    this.#silentSince = since;
    this.#calmAt = undefined;
    this.#standing.enter({ kind: 'suspect', since: Date.now(), master: link.address, reason });
    this.#dispatcher.hold();
    this.#durable.hold();
    this.#events.emit({ type: 'suspect', master: link.address, reason });
    this.#startSearch();
  }

  /** A suspected link answers again. After a long silence the replicas are heard first: one may have been promoted. */
  #considerCalm(): void {
    const link = this.#link;
    const since = this.#silentSince;
    if (!link || since === undefined) return;
    const at = now();
    const owing = this.#owedMs(at) >= this.#toleratedMs(link);
    if (owing || this.#generation.contested(this.#board?.views() ?? [])) {
      this.#calmAt = undefined;
      return;
    }
    this.#calmAt ??= at;
    if (this.#calmAt - since > DOUBT_MS && this.#search?.replicasHeard(this.#calmAt) === false) return;
    this.#calmAt = undefined;
    this.#silentSince = undefined;
    this.#stopSearch();
    this.#standing.enter({ kind: 'ready', since: Date.now(), master: link.address });
    this.#dispatcher.believe();
    this.#dispatcher.release();
    this.#durable.release();
    this.#events.emit({ type: 'ready', master: link.address, outageMs: Math.round(at - since) });
  }

  /** The master has said what it is. */
  #beaten(link: Link, role: Role): void {
    if (link !== this.#link) return;
    if (role.kind === 'master') this.#generation.seeReplicas(role.replicas);
    else if (this.#board) this.#refused(link, role.kind === 'replica' ? 'it is a replica now' : role.reason);
  }

  /** What the sentinels say has changed. */
  #consult(): void {
    if (this.state.kind === 'closed') return;
    const views = this.#board?.views() ?? [];
    this.#generation.confirm(views);
    this.#generation.rebase(views, this.#board?.count ?? 0);
    this.#search?.refresh();
    if (!this.#link || this.#search) return;
    if (this.#generation.contested(views) && this.#silentSince === undefined)
      this.#suspect(this.#link, 'the sentinels name another master', now());
  }
}
