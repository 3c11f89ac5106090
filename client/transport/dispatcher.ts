/**
 * Commands in flight: those that are waiting for a master, and those that were sent and have no reply yet, each until
 * its deadline. While the link is held (a reply is overdue), new commands wait here instead of in the socket, so that
 * they can be sent to another master, or are guaranteed not to have been sent. While the sentinels are replacing a
 * healthy master, only writes wait, because this master serves reads until another one is found. When the client moves
 * from a demoted master to its successor, all commands wait for a short time, because the successor is usually
 * connected within milliseconds.
 */
import {
  ClientLimitError,
  ClosedError,
  CommandError,
  NotSentError,
  OutcomeUnknownError,
  TimeoutError,
} from '../api/errors.ts';
import type { Argument } from './commands.ts';
import { type Link, type Receiver, UnsentError } from './link.ts';
import { isReply } from './reply-error.ts';
import { now } from './timing.ts';

export interface Operation {
  readonly command: string;
  readonly args: readonly Argument[];
  readonly buffers: boolean;
  readonly read: boolean;
  /** Whether the command fails at once instead of waiting for a master, because the caller has an alternative. */
  readonly failFast: boolean;
  /** Whether the command is sent now or not at all: never postponed, kept for the next master, or sent again. */
  readonly once: boolean;
  readonly startedAt: number;
  deadline: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Link on which the command was sent; undefined while the command is waiting and once it is settled. */
  link: Link | undefined;
}

/**
 * Error replies of a node that is not a master, or not yet ready. Nothing was applied, and another node may apply the
 * command.
 */
const REFUSALS = ['READONLY', 'LOADING', 'MASTERDOWN'];
const WAITING_MAX = 10_000;
/** Maximum time to wait for the error replies of a previous master, in ms. */
export const DRAIN_MS = 500;
/**
 * Maximum time, in ms, that commands with `failFast` wait for the successor of a demoted master. In a planned
 * switchover, the client connects to the successor 2 ms after it has left the previous master.
 */
export const MOVE_MS = 100;

/**
 * Reason why the client leaves a link. `demoted`: the node replies, but is no longer the master. `reconnected`: there
 * is another link to the same node. `closed`: the link is lost, and no other master is known.
 */
export type Detachment = 'demoted' | 'reconnected' | 'closed';

export function isRefusal(error: Error): boolean {
  return REFUSALS.some((code) => error.message.startsWith(code));
}

/**
 * Whether the master rejected a write because it has too few replicas (NOREPLICAS). The command was not applied. After
 * a failover, the error is temporary.
 */
export function isPassing(error: Error): boolean {
  return error.message.startsWith('NOREPLICAS');
}

export class Dispatcher implements Receiver<Operation> {
  readonly #refused: (link: Link, reason: string) => void;
  readonly #why: () => string;
  readonly #maxInFlight: number;
  readonly #inflight = new Set<Operation>();
  #waiting: Operation[] = [];
  #link: Link | undefined;
  #held: 'nothing' | 'writes' | 'all' = 'nothing';
  /** Time until which commands with `failFast` wait for the successor of a demoted master. */
  #movingUntil = 0;
  #closed = false;
  /**
   * Commands that were rejected for a temporary reason. Every tick retries one of them, and a write that succeeds causes
   * all of them to be retried.
   */
  #postponed: { readonly operation: Operation; readonly refusal: Error }[] = [];
  /** Previous links on which replies to writes are still missing. */
  readonly #retired = new Map<Link, { readonly until: number; readonly reason: string }>();
  /** Replies received on a link after a long silence. They are accepted if no other master is found. */
  #doubted: { readonly operation: Operation; readonly link: Link; readonly reply: unknown }[] | undefined;

  constructor(options: {
    readonly refused: (link: Link, reason: string) => void;
    /** Reason why there is no master, used in the errors of waiting commands. */
    readonly why: () => string;
    /** Maximum number of commands without a reply, including those that wait for replicas. */
    readonly maxInFlight: number;
  }) {
    this.#refused = options.refused;
    this.#why = options.why;
    this.#maxInFlight = options.maxInFlight;
  }

  submit(operation: Operation): void {
    // A sequence is accepted as a whole, because MULTI without its EXEC would queue all later commands.
    if (operation.once || this.#inflight.size + this.#postponed.length < this.#maxInFlight)
      this.#place(operation);
    else
      operation.reject(
        new ClientLimitError(
          `${operation.command}: ${this.#maxInFlight} commands are already waiting for a reply (maxInFlight)`,
        ),
      );
  }

  #place(operation: Operation): void {
    if (this.#closed) operation.reject(new ClosedError());
    else if (this.#link !== undefined && !this.#isHeld(operation)) this.#send(operation, this.#link);
    else this.#wait(operation);
  }

  /**
   * Whether a command must wait. Commands that belong to one link, such as those of a transaction, do not wait with the
   * writes, because they could not be sent on another link later.
   */
  #isHeld({ read, once }: Operation): boolean {
    return this.#held === 'all' || (this.#held === 'writes' && !read && !once);
  }

  attach(link: Link, holdsWrites: boolean): void {
    this.#link = link;
    this.#movingUntil = 0;
    this.#hold(holdsWrites ? 'writes' : 'nothing');
  }

  /** Makes new commands wait; commands with `failFast` fail at once. */
  hold(): void {
    this.#held = 'all';
    for (const operation of this.#inflight) {
      if (!operation.failFast) continue;
      if (operation.read)
        this.#settle(operation).reject(new TimeoutError(`${operation.command}: Redis hangs`));
      else this.#unknown(operation, 'Redis hangs');
    }
  }

  release(): void {
    this.#hold('nothing');
  }

  /**
   * Makes new writes wait, including writes with `failFast`, because the wait is bounded. No effect while all commands
   * are held.
   */
  holdWrites(hold: boolean): void {
    const held = hold ? 'writes' : 'nothing';
    if (this.#held !== 'all' && this.#held !== held) this.#hold(held);
  }

  #hold(held: 'nothing' | 'writes'): void {
    this.#held = held;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const operation of waiting) this.#place(operation);
    this.#resume();
  }

  /** Holds replies to writes until they are accepted (`believe`) or rejected (`detach`). */
  doubt(): void {
    this.#doubted ??= [];
  }

  believe(): void {
    const doubted = this.#doubted ?? [];
    this.#doubted = undefined;
    for (const { operation, link, reply } of doubted) {
      if (operation.link === link) this.#settle(operation).resolve(reply);
    }
  }

  /**
   * Detaches a link that no longer leads to the master. Reads are sent again on the next link. Unless the link was
   * closed, reads with `failFast` also wait for the next link, up to `MOVE_MS`. The outcome of unanswered writes
   * becomes unknown, except on a demoted node: there, they wait briefly for its refusal (READONLY), after which they
   * can safely be sent to the new master.
   */
  detach(reason: string, cause: Detachment): void {
    const link = this.#link;
    if (!link) return;
    this.#link = undefined;
    const drain = cause === 'demoted';
    this.#movingUntil = cause === 'closed' ? 0 : now() + MOVE_MS;
    const doubted = this.#doubted ?? [];
    this.#doubted = undefined;
    for (const { operation } of doubted) {
      if (operation.link === link) this.#unknown(operation, `${reason}; the reply came after a long silence`);
    }
    for (const operation of [...this.#inflight]) {
      if (operation.link !== link) continue;
      if (operation.read) this.#wait(operation);
      else if (!drain) this.#unknown(operation, reason);
    }
    if (drain && this.#owes(link)) this.#retired.set(link, { until: now() + DRAIN_MS, reason });
    else link.destroy(reason);
  }

  /** Extends the deadlines of earlier commands by the time during which this process was stalled. */
  forgive(ms: number, at: number): void {
    const all = [...this.#inflight, ...this.#waiting, ...this.#postponed.map(({ operation }) => operation)];
    for (const operation of all) operation.deadline += Math.max(0, Math.min(ms, at - operation.startedAt));
  }

  /**
   * Ends commands that are past their deadline. Closes previous links when their replies have arrived or are overdue.
   */
  tick(at: number): void {
    for (const operation of [...this.#inflight]) {
      if (at >= operation.deadline) this.#late(operation);
    }
    const isOver = (operation: Operation): boolean =>
      at >= operation.deadline || (operation.failFast && !this.#isElecting && at >= this.#movingUntil);
    if (this.#waiting.some(isOver)) {
      const waiting = this.#waiting;
      this.#waiting = waiting.filter((operation) => !isOver(operation));
      for (const operation of waiting) if (isOver(operation)) this.#unsent(operation);
    }
    const [first, ...rest] = this.#postponed;
    if (first) {
      this.#postponed = rest.filter((postponed) => !this.#overdue(postponed, at));
      if (!this.#overdue(first, at)) this.#place(first.operation);
    }
    for (const [link, { until, reason }] of this.#retired) {
      if (at < until && link.closed === undefined && this.#owes(link)) continue;
      this.#retired.delete(link);
      for (const operation of [...this.#inflight])
        if (operation.link === link) this.#unknown(operation, reason);
      link.destroy(reason);
    }
  }

  /** Whether a command is waiting, or a reply is missing. */
  get busy(): boolean {
    return this.#inflight.size > 0 || this.#waiting.length > 0 || this.#postponed.length > 0;
  }

  close(): void {
    this.#closed = true;
    for (const operation of this.#waiting) operation.reject(new ClosedError());
    this.#waiting = [];
    for (const postponed of this.#postponed) this.#overdue(postponed, Number.POSITIVE_INFINITY);
    this.#postponed = [];
    for (const operation of [...this.#inflight]) {
      if (operation.read) this.#settle(operation).reject(new ClosedError());
      else this.#unknown(operation, 'the connection was closed by its owner');
    }
    for (const link of this.#retired.keys()) link.destroy('closed');
    this.#link?.destroy('closed');
    this.#link = undefined;
  }

  #send(operation: Operation, link: Link): void {
    operation.link = link;
    this.#inflight.add(operation);
    link.dispatch(operation.command, operation.args, operation.buffers, this, operation);
  }

  answered(link: Link, reply: unknown, operation: Operation): void {
    if (operation.link === link) this.#answered(operation, link, reply);
  }

  failed(link: Link, error: Error, operation: Operation): void {
    if (operation.link === link) this.#failed(operation, link, error);
  }

  #answered(operation: Operation, link: Link, reply: unknown): void {
    if (operation.read || link === this.#link) {
      if (this.#doubted && !operation.read) this.#doubted.push({ operation, link, reply });
      else {
        this.#settle(operation).resolve(reply);
        if (!operation.read) this.#resume();
      }
    } else this.#unknown(operation, 'the reply came from a node that is no longer the master');
  }

  #failed(operation: Operation, link: Link, error: unknown): void {
    if (isReply(error) && isPassing(error) && !operation.failFast && !operation.once) {
      this.#postpone(this.#settle(operation), error);
    } else if (isReply(error) && !isRefusal(error)) {
      this.#settle(operation).reject(new CommandError(error.message, error, operation.command));
    } else if (isReply(error)) {
      this.#settle(operation);
      if (link === this.#link) this.#refused(link, error.message);
      this.#retry(operation, link);
    } else if (operation.read || error instanceof UnsentError) this.#retry(operation, link);
    else this.#unknown(operation, error instanceof Error ? error.message : String(error));
  }

  /** Postpones a command. Keeps the order of the calls. */
  #postpone(operation: Operation, refusal: Error): void {
    const later = this.#postponed.findIndex((other) => other.operation.startedAt > operation.startedAt);
    this.#postponed.splice(later === -1 ? this.#postponed.length : later, 0, { operation, refusal });
  }

  #resume(): void {
    if (this.#postponed.length === 0) return;
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const { operation } of postponed) this.#place(operation);
  }

  /** Rejects a command that is past its deadline, with the server's error reply. */
  #overdue({ operation, refusal }: { operation: Operation; refusal: Error }, at: number): boolean {
    if (at < operation.deadline) return false;
    operation.reject(new CommandError(refusal.message, refusal, operation.command));
    return true;
  }

  /** Sends a command to the next master if it was not sent, was rejected, or is a read. */
  #retry(operation: Operation, failed: Link): void {
    if (this.#closed) this.#settle(operation).reject(new ClosedError());
    else if (this.#link !== undefined && this.#link !== failed && !this.#isHeld(operation) && !operation.once)
      this.#send(operation, this.#link);
    else this.#wait(operation);
  }

  /** Whether only writes are waiting, while a master serves reads. */
  get #isElecting(): boolean {
    return this.#held === 'writes' && this.#link !== undefined;
  }

  #wait(operation: Operation): void {
    this.#settle(operation);
    const isMoving = this.#link === undefined && now() < this.#movingUntil;
    if (operation.once || (operation.failFast && !this.#isElecting && !isMoving)) this.#unsent(operation);
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(operation);
    else
      operation.reject(
        new ClientLimitError(
          `${operation.command}: ${WAITING_MAX} commands are already waiting for a master`,
        ),
      );
  }

  #late(operation: Operation): void {
    const late = `no reply within ${Math.round(now() - operation.startedAt)} ms`;
    if (operation.read) this.#settle(operation).reject(new TimeoutError(`${operation.command}: ${late}`));
    else this.#unknown(operation, late);
  }

  #unsent(operation: Operation): void {
    const ms = Math.round(now() - operation.startedAt);
    operation.reject(new NotSentError(`${operation.command}: no master within ${ms} ms (${this.#why()})`));
  }

  #unknown(operation: Operation, reason: string): void {
    this.#settle(operation).reject(
      new OutcomeUnknownError(`${operation.command}: sent, outcome unknown: ${reason}`),
    );
  }

  #settle(operation: Operation): Operation {
    operation.link = undefined;
    this.#inflight.delete(operation);
    return operation;
  }

  #owes(link: Link): boolean {
    for (const operation of this.#inflight) if (operation.link === link) return true;
    return false;
  }
}
