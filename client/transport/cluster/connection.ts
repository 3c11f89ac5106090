/**
 * The connection to a cluster: one supervisor per shard, and a router.
 *
 *   command ─▶ route (slots of its keys) ─▶ router ─▶ shard ─▶ its supervisor ─▶ answer
 *   nodes, polled in parallel ─▶ monitor ─▶ topology ─▶ slots, and each supervisor's view of its master
 *
 * Each shard has the same supervisor as a Sentinel connection, based on the views of the nodes instead of those of the
 * sentinels. The same rules determine when the supervisor suspects a master, queries the replicas and moves to another
 * master. Left out: transactions across several slots, and subscriptions.
 */
import type { Redis } from 'ioredis';
import { ClosedError, CommandError, ConfigurationError, NotSentError } from '../../api/errors.ts';
import { Emitter } from '../../api/events.ts';
import type { Address, ConnectionEvent, ConnectionState, Durability } from '../../api/types.ts';
import type { ResolvedConnection } from '../../options/connection-options.ts';
import { addressKey } from '../address.ts';
import type { CacheConnection } from '../cache-connection.ts';
import type { Argument, CallOptions } from '../commands.ts';
import type { ConnectionFactory } from '../connection-factory.ts';
import type { Link } from '../link.ts';
import type { PartListener } from '../part.ts';
import { Supervisor } from '../supervisor.ts';
import { delay, now } from '../timing.ts';
import { ClusterMonitor } from './monitor.ts';
import { otherShardsServing } from './partial-outage.ts';
import { Router } from './router.ts';
import { routeOf } from './routes.ts';
import { scanMasters } from './scan.ts';
import { slotOf } from './slot.ts';
import { type Shard, Topology } from './topology.ts';

const RETRY_MS = 20;
/** Commands of a single connection, not available in a cluster. */
const BOUND = new Set(['MULTI', 'EXEC', 'DISCARD', 'WATCH', 'UNWATCH', 'SELECT', 'SUBSCRIBE', 'PSUBSCRIBE']);

interface Member {
  readonly supervisor: Supervisor;
  /** Called when the nodes have reported a change. */
  readonly changed: () => void;
}

export class ClusterConnection implements CacheConnection {
  readonly slotOf = slotOf;
  readonly #options: ResolvedConnection;
  readonly #events: Emitter<ConnectionEvent>;
  readonly #factory: ConnectionFactory;
  readonly #topology = new Topology();
  readonly #monitor: ClusterMonitor;
  readonly #router: Router;
  readonly #members = new Map<Shard, Member>();
  readonly #followers: PartListener[] = [];
  readonly #openedAt = Date.now();
  #closed = false;

  constructor(options: ResolvedConnection, events: Emitter<ConnectionEvent>, factory: ConnectionFactory) {
    this.#options = options;
    this.#events = events;
    this.#factory = factory;
    this.#monitor = new ClusterMonitor(options, this.#factory, () => this.#update());
    this.#monitor.alert(this, true);
    this.#router = new Router({
      topology: this.#topology,
      monitor: this.#monitor,
      commandTimeoutMs: options.commandTimeoutMs,
      supervisorOf: (shard) => this.#member(shard).supervisor,
      isConnected: () => this.#members.size > 0,
      why: (slot) => this.#why(slot),
    });
  }

  /** State of the shard that is in the worst state. */
  get state(): ConnectionState {
    if (this.#closed) return { kind: 'closed' };
    const states = [...this.#members.values()].map(({ supervisor }) => supervisor.state);
    return (
      states.find(({ kind }) => kind === 'connecting') ??
      states.find(({ kind }) => kind === 'suspect') ??
      states[0] ?? { kind: 'connecting', since: this.#openedAt, attempt: 1 }
    );
  }

  call(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { replica: true });
  }

  callBuffer(command: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.request(command, args, { buffers: true, replica: true });
  }

  async request(command: string, args: readonly Argument[], options: CallOptions = {}): Promise<unknown> {
    const startedAt = now();
    this.#refuse(command);
    if (command.toUpperCase() === 'SCAN') return this.#scan(args, options);
    const route = routeOf(command, args);
    if (route.to === 'slot') return this.#router.send(route.slot, command, args, options, startedAt);
    if (route.to === 'slots') {
      const sent = route.parts.map((part) =>
        this.#router.send(part.slot, command, part.args, options, startedAt),
      );
      return route.join(await Promise.all(sent));
    }
    const supervisors = await this.#supervisors();
    const asked = route.to === 'all' ? supervisors : [readySupervisor(supervisors)];
    const replies = await Promise.all(asked.map((each) => each.request(command, args, options)));
    return route.to === 'all' ? route.join(replies) : replies[0];
  }

  /**
   * Sends each GET separately, because MGET must not cross slots. All GETs that are sent to the same node in one tick
   * are combined into one write.
   */
  get(key: string, failFast = false): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        if (error instanceof CommandError && error.code === 'WRONGTYPE') resolve(null);
        else reject(error);
      };
      this.#router.go({
        slot: slotOf(key),
        command: 'GET',
        args: [key],
        options: { buffers: true, failFast, replica: true },
        startedAt: now(),
        resolve: resolve as (reply: unknown) => void,
        reject: failed,
      });
    });
  }

  async callDurable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    ...args: readonly Argument[]
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    this.#refuse(command);
    const deadline = now() + this.#options.commandTimeoutMs;
    const route = routeOf(command, args);
    if (route.to === 'slot') return this.#router.durable(route.slot, durability, command, args, deadline);
    if (route.to !== 'slots') throw new ConfigurationError(`${command}: a durable write needs a key`);
    const results = await Promise.all(
      route.parts.map((part) => this.#router.durable(part.slot, durability, command, part.args, deadline)),
    );
    return {
      reply: route.join(results.map(({ reply }) => reply)),
      replicas: Math.min(...results.map(({ replicas }) => replicas)),
    };
  }

  at(key: string): CacheConnection {
    const shard = this.#topology.owner(slotOf(key));
    return shard ? this.#member(shard).supervisor : this;
  }

  serves(): boolean {
    const shards = [...this.#members.values()].map(({ supervisor }) => supervisor);
    return otherShardsServing(shards, this.#options.commandTimeoutMs);
  }

  async probe(): Promise<unknown> {
    const supervisors = [...this.#members.values()].map(({ supervisor }) => supervisor);
    const known = supervisors.filter(({ state }) => state.kind !== 'connecting');
    if (known.length === 0) throw new NotSentError('every shard of the cluster is unreachable');
    return Promise.all(known.map((supervisor) => supervisor.request('PING', [], { failFast: true })));
  }

  /** Returns the masters of all shards; undefined while one shard has none. */
  masters(): readonly Address[] | undefined {
    const masters: Address[] = [];
    for (const { supervisor } of this.#members.values()) {
      const { state } = supervisor;
      if (state.kind !== 'ready' && state.kind !== 'suspect') return undefined;
      masters.push(state.master);
    }
    return masters;
  }

  current(): Redis | undefined {
    for (const { supervisor } of this.#members.values()) {
      const redis = supervisor.current();
      if (redis) return redis;
    }
    return undefined;
  }

  /**
   * Follows all shards. Each shard is one part of the connection; a key whose shard is unknown is covered by all parts.
   */
  follow(listener: PartListener): void {
    this.#followers.push(listener);
    for (const { supervisor } of this.#members.values()) this.#follow(listener, supervisor);
  }

  #follow(listener: PartListener, supervisor: Supervisor): void {
    const part = {
      covers: (key: string): boolean => {
        const owner = this.at(key);
        return owner === supervisor || owner === this;
      },
    };
    supervisor.follow((event) => listener(event, part));
  }

  get pieces(): number {
    let pieces = 0;
    for (const { supervisor } of this.#members.values()) pieces += supervisor.pieces;
    return pieces;
  }

  async subscriber(): Promise<Link> {
    return readySupervisor(await this.#supervisors()).subscriber();
  }

  on(listener: (event: ConnectionEvent) => void): () => void {
    return this.#events.on(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#router.close();
    this.#monitor.close();
    await Promise.all([...this.#members.values()].map(({ supervisor }) => supervisor.close()));
    this.#events.emit({ type: 'closed' });
  }

  /** Scans all masters one after the other; the cursor identifies the current master. */
  async #scan(args: readonly Argument[], options: CallOptions): Promise<unknown> {
    const supervisors = await this.#supervisors();
    return scanMasters(supervisors, args, (supervisor, rest) => supervisor.request('SCAN', rest, options));
  }

  #refuse(command: string): void {
    if (this.#closed) throw new ClosedError();
    if (BOUND.has(command.toUpperCase()))
      throw new ConfigurationError(`${command}: belongs to one connection; a cluster has one per master`);
  }

  // --- the shards --------------------------------------------------------------------------------------------------

  /** Returns the supervisors of all masters, once they are known. */
  async #supervisors(): Promise<readonly Supervisor[]> {
    const deadline = now() + this.#options.commandTimeoutMs;
    while (this.#topology.shards.size === 0) {
      if (this.#closed) throw new ClosedError();
      if (now() >= deadline) throw new NotSentError(`no node of the cluster replies (${this.#addresses})`);
      await delay(RETRY_MS);
    }
    return [...this.#topology.shards].map((shard) => this.#member(shard).supervisor);
  }

  #update(): void {
    if (this.#closed) return;
    const views = this.#monitor.views();
    // While every polled node is unreachable or refuses the query, the last known topology stays valid.
    if (views.length === 0) return;
    this.#topology.update(views);
    this.#monitor.know(this.#topology.addresses);
    const { shards } = this.#topology;
    if (shards.size > 0) this.#monitor.alert(this, false);
    for (const shard of shards) this.#member(shard);
    for (const [shard, member] of this.#members) {
      if (this.#topology.has(shard)) member.changed();
      else {
        this.#members.delete(shard);
        void member.supervisor.close();
      }
    }
  }

  #member(shard: Shard): Member {
    let member = this.#members.get(shard);
    if (!member) {
      member = this.#open(shard);
      this.#members.set(shard, member);
    }
    return member;
  }

  #open(shard: Shard): Member {
    const events = new Emitter<ConnectionEvent>();
    events.on((event) => {
      if (event.type !== 'closed') this.#events.emit(event);
    });
    let changed = (): void => {};
    const monitor = this.#monitor;
    const supervisor = new Supervisor(this.#options, events, this.#factory, (consult) => {
      changed = consult;
      return {
        count: 0,
        views: () => this.#topology.viewsOf(shard),
        decided: () => monitor.decided(),
        reach: (announced) => this.#topology.reach(announced),
        get failures() {
          return monitor.failures;
        },
        alert: (on) => monitor.alert(shard, on),
        close: () => monitor.alert(shard, false),
      };
    });
    for (const listener of this.#followers) this.#follow(listener, supervisor);
    return { supervisor, changed: () => changed() };
  }

  #why(slot: number): string {
    return this.#topology.shards.size === 0
      ? `no node of the cluster replies (${this.#addresses})`
      : `slot ${slot} has no master`;
  }

  get #addresses(): string {
    const addresses = this.#options.addresses.map(addressKey).join(', ');
    const { failures } = this.#monitor;
    return failures === '' ? addresses : `${addresses}: ${failures}`;
  }
}

function readySupervisor(supervisors: readonly Supervisor[]): Supervisor {
  return (supervisors.find(({ state }) => state.kind === 'ready') ?? supervisors[0]) as Supervisor;
}
