/**
 * Routes a command to the shard of its slot, and follows redirections.
 *
 *   slot ─▶ shard ─▶ its supervisor ─▶ answer
 *    ▲                     │ MOVED, ASK, TRYAGAIN, CLUSTERDOWN: not applied
 *    └─ again, until the deadline ┘
 *
 * Left out: which slots a command names (`routes.ts`), and the connections themselves (`connection.ts`).
 */
import { ClientLimitError, ClosedError, NotSentError } from '../../api/errors.ts';
import type { Address, Durability } from '../../api/types.ts';
import type { Argument, CallOptions } from '../commands.ts';
import { isUnavailable } from '../reply-error.ts';
import type { Supervisor } from '../supervisor.ts';
import { delay, jittered, now, STALL_MS } from '../timing.ts';
import type { ClusterMonitor } from './monitor.ts';
import { isSplit, type Located, type Redirection, redirectionOf } from './redirection.ts';
import { splitByKey } from './routes.ts';
import type { Shard, Topology } from './topology.ts';

const RETRY_MS = 20;
const WAITING_MAX = 10_000;

/** A command for one slot. */
export interface RoutedCommand {
  readonly slot: number;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly options: CallOptions;
  /** Start of the command's deadline; postponed when this process stalls. */
  startedAt: number;
  /**
   * Whether the last reply named another node, or the key is migrating. If so, the command is retried even with
   * `failFast`.
   */
  redirected?: boolean;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface RouterContext {
  readonly topology: Topology;
  readonly monitor: ClusterMonitor;
  readonly commandTimeoutMs: number;
  readonly supervisorOf: (shard: Shard) => Supervisor;
  /** Whether any shard is known. */
  readonly isConnected: () => boolean;
  /** Returns the reason why the slot has no shard. */
  readonly why: (slot: number) => string;
}

export class Router {
  readonly #context: RouterContext;
  #waiting = 0;
  #closed = false;

  constructor(context: RouterContext) {
    this.#context = context;
  }

  close(): void {
    this.#closed = true;
  }

  send(
    slot: number,
    command: string,
    args: readonly Argument[],
    options: CallOptions,
    startedAt: number,
  ): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.go({ slot, command, args, options, startedAt, resolve, reject }),
    );
  }

  go(routed: RoutedCommand): void {
    const shard = this.#context.topology.owner(routed.slot);
    if (this.#closed) routed.reject(new ClosedError());
    else if (!shard) this.#later(routed, undefined);
    else {
      const { command, args, options, startedAt, resolve } = routed;
      this.#context
        .supervisorOf(shard)
        .submit(command, args, options, startedAt, resolve, (error) => this.#failed(routed, shard, error));
    }
  }

  #failed(routed: RoutedCommand, shard: Shard, error: Error): void {
    const redirection = routed.options.once ? undefined : redirectionOf(error);
    const single = redirection && isSplit(error) ? splitByKey(routed.command, routed.args) : undefined;
    if (redirection) routed.redirected = isOnTheMove(error);
    // The shard was removed. The command can be routed again, because it was not sent, or it is a read.
    if (error instanceof ClosedError && !this.#closed && !routed.options.once) this.#later(routed, undefined);
    else if (!redirection) routed.reject(error);
    else if (single) this.#apart(routed, single);
    else if (redirection.kind === 'asking') this.#asking(routed, shard, redirection, error);
    else if (this.#follows(redirection, shard)) this.go(routed);
    else this.#later(routed, error);
  }

  #apart(routed: RoutedCommand, { parts, join }: NonNullable<ReturnType<typeof splitByKey>>): void {
    const { slot, command, options, startedAt, resolve, reject } = routed;
    const sent = parts.map((args) => this.send(slot, command, args, options, startedAt));
    Promise.all(sent).then((replies) => resolve(join(replies)), reject);
  }

  /** Returns the reachable address of the node that serves the shard. */
  #nodeOf(shard: Shard): Address | undefined {
    const { state } = this.#context.supervisorOf(shard);
    return 'master' in state ? state.master : undefined;
  }

  /** Applies a redirection. Returns true if another known shard owns the slot. */
  #follows(redirection: Redirection, shard: Shard): boolean {
    const { topology, monitor, supervisorOf } = this.#context;
    monitor.ask();
    if (redirection.kind !== 'moved') return false;
    const target = topology.target(redirection, this.#nodeOf(shard));
    if (target && target !== shard) {
      topology.redirect(redirection.slot, target);
      return true;
    }
    // A redirection inside the shard means that its master was deposed.
    supervisorOf(shard).recheck();
    return false;
  }

  /**
   * Follows ASK, for a key that has migrated before its slot. Sends only this command to the other node, directly after
   * ASKING on the same connection.
   */
  #asking(routed: RoutedCommand, shard: Shard, redirection: Located, error: Error): void {
    const { topology, monitor, supervisorOf } = this.#context;
    const target = topology.target(redirection, this.#nodeOf(shard));
    if (!target) {
      monitor.ask();
      this.#later(routed, error);
      return;
    }
    const supervisor = supervisorOf(target);
    const { command, args, startedAt, resolve } = routed;
    const options = { ...routed.options, once: true };
    let refusal: Error | undefined;
    supervisor.submit('ASKING', [], { once: true }, startedAt, ignore, (failure) => {
      if (isUnavailable(failure)) refusal = failure;
    });
    supervisor.submit(command, args, options, startedAt, resolve, (failure) => {
      // Without ASKING the node would redirect the command again.
      if (refusal) routed.reject(refusal);
      else if (failure instanceof NotSentError) this.#later(routed, failure);
      else this.#failed(routed, target, failure);
    });
  }

  /**
   * Retries until the deadline of the call. With `failFast`, retries only after a redirection: the key exists on a
   * node, but the first connection to that node may take some time (name resolution, TLS), so failing fast would report
   * a miss for an existing value.
   */
  #later(routed: RoutedCommand, error: Error | undefined): void {
    const { commandTimeoutMs, isConnected, why } = this.#context;
    const { command, startedAt, options, redirected } = routed;
    const waitMs = jittered(RETRY_MS);
    const late = now() + waitMs >= startedAt + commandTimeoutMs;
    const failsFast = options.failFast === true && isConnected() && redirected !== true;
    if (this.#waiting >= WAITING_MAX)
      routed.reject(
        new ClientLimitError(`${command}: ${WAITING_MAX} commands are already waiting for their slots`),
      );
    else if (late || options.once || failsFast)
      routed.reject(error ?? new NotSentError(`${command}: ${why(routed.slot)}`));
    else {
      this.#waiting += 1;
      const dueAt = now() + waitMs;
      setTimeout(() => {
        this.#waiting -= 1;
        const lateMs = now() - dueAt;
        if (lateMs > STALL_MS) routed.startedAt += lateMs;
        this.go(routed);
      }, waitMs);
    }
  }

  async durable(
    slot: number,
    durability: Exclude<Durability, 'async'>,
    command: string,
    args: readonly Argument[],
    deadline: number,
  ): Promise<{ readonly reply: unknown; readonly replicas: number }> {
    const { topology, supervisorOf, why } = this.#context;
    let asked: Shard | undefined;
    for (;;) {
      if (this.#closed) throw new ClosedError();
      const shard = asked ?? topology.owner(slot);
      let failure: Error = new NotSentError(`${command}: ${why(slot)}`);
      if (shard) {
        try {
          return await supervisorOf(shard).durable(durability, command, args, deadline, asked !== undefined);
        } catch (error) {
          failure = error as Error;
          const redirection = redirectionOf(failure);
          const isGone = failure instanceof ClosedError && !this.#closed;
          if (!redirection && !isGone) throw failure;
          asked =
            redirection?.kind === 'asking' ? topology.target(redirection, this.#nodeOf(shard)) : undefined;
          if (asked || (redirection && this.#follows(redirection, shard))) continue;
        }
      }
      if (now() + RETRY_MS >= deadline) throw failure;
      await delay(jittered(RETRY_MS));
    }
  }
}

const ignore = (): void => {};

/** Whether an error is MOVED, ASK or TRYAGAIN. False for CLUSTERDOWN, which may persist. */
function isOnTheMove(error: Error): boolean {
  return isSplit(error) || redirectionOf(error)?.kind !== 'later';
}
