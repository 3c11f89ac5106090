/**
 * All paths that a command can take to the master, behind one interface: shared (`dispatcher.ts`), durable
 * (`durable.ts`), coalesced reads (`get-coalescer.ts`) and replica reads (`replicas.ts`). The supervisor sets the
 * current link, and whether the link is suspect.
 */

import type { Address, Durability } from '../api/types.ts';
import type { ResolvedConnection } from '../options/connection-options.ts';
import { type Argument, isRead, type Submit } from './commands.ts';
import type { ConnectionFactory } from './connection-factory.ts';
import { type Detachment, Dispatcher } from './dispatcher.ts';
import { DurableChannel } from './durable.ts';
import { GetCoalescer } from './get-coalescer.ts';
import type { Link } from './link.ts';
import { Replicas } from './replicas.ts';
import { Substitutes } from './substitutes.ts';
import { now } from './timing.ts';

export interface TrafficContext {
  /** Called when the node refuses commands, because it is not a master or is not ready. */
  readonly refused: (link: Link, reason: string) => void;
  /** Reason why there is no master, for callers that waited for one. */
  readonly why: () => string;
  /** Addresses of the current replicas. */
  readonly replicas: () => ReadonlySet<string>;
  /** Maps an announced address to a reachable one. */
  readonly reach: (announced: Address) => Address;
  /** Allowed silence, while a reply is due, for a node whose usual latency is `latencyMs`. */
  readonly toleratedMs: (latencyMs: number) => number;
  /** Whether a master has been found before. */
  readonly hasBeenReady: () => boolean;
}

export class Traffic {
  readonly #options: ResolvedConnection;
  readonly #factory: ConnectionFactory;
  readonly #context: TrafficContext;
  readonly #dispatcher: Dispatcher;
  readonly #durable: DurableChannel;
  readonly #gets: GetCoalescer;
  readonly #replicas: Replicas | undefined;
  readonly #substitutes = new Substitutes((...call) => this.#send(...call));
  #link: Link | undefined;

  constructor(options: ResolvedConnection, factory: ConnectionFactory, context: TrafficContext) {
    const { commandTimeoutMs, maxInFlight, replicaReads } = options;
    const { refused, why } = context;
    this.#options = options;
    this.#factory = factory;
    this.#context = context;
    this.#dispatcher = new Dispatcher({ refused, why, maxInFlight });
    this.#durable = new DurableChannel({
      commandTimeoutMs,
      refused: (reason) => this.#link && refused(this.#link, reason),
      why,
    });
    this.#gets = new GetCoalescer(
      (command, args, failFast, resolve, reject) =>
        this.submit(command, args, { buffers: true, failFast, replica: true }, now(), resolve, reject),
      () => !this.#dispatcher.busy && !this.#replicas?.busy,
    );
    if (replicaReads)
      this.#replicas = new Replicas(options, replicaReads.maxStalenessMs, factory, {
        known: context.replicas,
        toMaster: (operation) => this.#dispatcher.submit(operation),
        toleratedMs: context.toleratedMs,
        reach: context.reach,
      });
  }

  /** Sends GET, together with the other GETs of this tick. */
  get(key: string, failFast: boolean): Promise<Buffer | null> {
    return this.#gets.get(key, failFast);
  }

  readonly submit: Submit = (command, args, options, startedAt, resolve, reject) => {
    const send = Substitutes.has(command) ? this.#substitutes.submit : this.#send;
    send(command, args, options, startedAt, resolve, reject);
  };

  readonly #send: Submit = (command, args, options, startedAt, resolve, reject) => {
    const operation = {
      command,
      args,
      buffers: options.buffers === true,
      read: isRead(command),
      failFast: options.failFast === true && this.#context.hasBeenReady(),
      once: options.once === true,
      startedAt,
      deadline: startedAt + this.#options.commandTimeoutMs,
      resolve,
      reject,
      link: undefined,
    };
    if (options.replica && this.#replicas?.takes(operation)) return;
    this.#dispatcher.submit(operation);
  };

  /** Sends a durable write. `asking`: the key is migrating to this node, and the cluster redirected the command. */
  durable(
    durability: Exclude<Durability, 'async'>,
    command: string,
    args: readonly Argument[],
    deadline: number,
    asking: boolean,
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    return new Promise((resolve, reject) =>
      this.#durable.submit({ durability, command, args, deadline, asking, resolve, reject }),
    );
  }

  /** Sends subsequent commands over this link, and durable ones over additional links to the same node. */
  attach(link: Link, holdsWrites: boolean): void {
    const master: Address = link.address;
    this.#link = link;
    this.#substitutes.reset();
    this.#durable.attach(() => this.#factory.node(master, this.#options.connectTimeoutMs), holdsWrites);
    this.#dispatcher.attach(link, holdsWrites);
    this.#replicas?.follow(link);
  }

  /** Detaches a link that no longer leads to the master. */
  detach(reason: string, cause: Detachment): void {
    this.#link = undefined;
    this.#replicas?.follow(undefined);
    this.#dispatcher.detach(reason, cause);
    this.#durable.detach(reason, cause === 'demoted');
  }

  /** Makes new commands wait, because the link is suspect. */
  hold(): void {
    this.#dispatcher.hold();
    this.#durable.hold();
  }

  /**
   * Makes new writes wait while the sentinels are replacing the master; reads continue. No effect while the link is
   * held.
   */
  holdWrites(hold: boolean): void {
    this.#dispatcher.holdWrites(hold);
    this.#durable.holdWrites(hold);
  }

  /**
   * Holds the replies to writes until `release` or `detach`, because the node may have been deposed while it was
   * silent.
   */
  doubt(): void {
    this.#dispatcher.doubt();
    this.#durable.doubt();
  }

  /** Ends `hold` and `doubt`, because the link is no longer suspect. */
  release(): void {
    this.#dispatcher.believe();
    this.#dispatcher.release();
    this.#durable.release();
  }

  /** Checks deadlines. @param stalledMs how long this process was stalled until now */
  tick(at: number, stalledMs: number): void {
    if (stalledMs > 0) this.#forgive(stalledMs, at);
    this.#replicas?.tick(at);
    this.#dispatcher.tick(at);
    this.#durable.tick(at);
  }

  #forgive(stalledMs: number, at: number): void {
    this.#link?.progress.forgive(stalledMs, at);
    this.#replicas?.forgive(stalledMs, at);
    this.#dispatcher.forgive(stalledMs, at);
    this.#durable.forgive(stalledMs, at);
  }

  /** Returns how long a reply from the master has been due, on any of its links, in ms. */
  owedMs(at: number): number {
    return Math.max(this.#link?.progress.owedMs(at) ?? 0, this.#durable.owedMs(at));
  }

  /** Like `owedMs`, but also counts the time during which a large command is being sent. */
  silentMs(at: number): number {
    return Math.max(this.#link?.progress.silentMs(at) ?? 0, this.#durable.silentMs(at));
  }

  /** Counter that changes while a reply is arriving or a large command is being sent. */
  get pieces(): number {
    const at = now();
    const own = this.#link?.pieces(at, this.#context.toleratedMs) ?? 0;
    return own + (this.#replicas?.pieces(at) ?? 0);
  }

  close(): void {
    this.#link = undefined;
    this.#gets.flush();
    this.#replicas?.close();
    this.#dispatcher.close();
    this.#durable.close();
  }
}
