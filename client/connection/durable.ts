/**
 * Durable writes: on a connection of their own (WAIT blocks the one it is sent on), many writers to one WAIT.
 *
 * All writes that wait with the same promise are sent together with one WAIT behind them; those that come meanwhile
 * form the next batch. A write is acknowledged when enough replicas confirmed it *and* its node is still the master.
 */
import { ClosedError, CommandError, DurabilityError, NotSentError, OutcomeUnknownError } from '../errors.ts';
import type { Durability } from '../types.ts';
import { DRAIN_MS, isPassing, isRefusal } from './dispatcher.ts';
import { type Argument, isReply, type Link, UnsentError } from './link.ts';
import { delay, jittered, now, within } from './timing.ts';

const BATCH_MAX = 1000;
const WAITING_MAX = 10_000;
const RETRY_MS = 50;

export interface DurableWrite {
  readonly durability: Exclude<Durability, 'async'>;
  readonly command: string;
  readonly args: readonly Argument[];
  /** To be sent and answered by. The WAIT comes on top, with the promise's own limit. */
  readonly deadline: number;
  readonly resolve: (result: { readonly reply: unknown; readonly replicas: number }) => void;
  readonly reject: (error: Error) => void;
}

/** One master's connection for durable writes, for as long as it is the master. */
interface Session {
  readonly open: () => Promise<Link>;
  link: Link | undefined;
  opening: boolean;
  busy: boolean;
  /** Another node is master: a confirmation from this one is not believed. */
  left: boolean;
  /** Since when answers to the batch's writes are owed; undefined during the WAIT itself. */
  owedSince: number | undefined;
}

export class DurableChannel {
  readonly #commandTimeoutMs: number;
  readonly #refused: (reason: string) => void;
  readonly #why: () => string;
  #groups = new Map<string, DurableWrite[]>();
  #waiting = 0;
  #session: Session | undefined;
  #used = false;
  #held = false;
  /** Batches that wait for the verdict on their node. */
  readonly #doubtful: (() => void)[] = [];
  #closed = false;

  constructor(options: {
    readonly commandTimeoutMs: number;
    readonly refused: (reason: string) => void;
    readonly why: () => string;
  }) {
    this.#commandTimeoutMs = options.commandTimeoutMs;
    this.#refused = options.refused;
    this.#why = options.why;
  }

  submit(write: DurableWrite): void {
    this.#used = true;
    if (this.#closed) write.reject(new ClosedError());
    else if (this.#waiting >= WAITING_MAX)
      write.reject(new NotSentError(`${write.command}: ${WAITING_MAX} durable writes wait already`));
    else {
      this.#queue(write);
      // Writers of one tick share the batch.
      queueMicrotask(() => this.#pump());
    }
  }

  /** A new master: its connection is opened at once where durable writes have been used. */
  attach(open: () => Promise<Link>): void {
    this.#session = { open, link: undefined, opening: false, busy: false, left: false, owedSince: undefined };
    this.#held = false;
    this.#decide();
    if (this.#used) this.#pump();
  }

  /** With `drain` the running batch is waited for: a demoted node refuses it, and it goes to the next master. */
  detach(reason: string, drain: boolean): void {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    session.left = true;
    this.#decide();
    if (!drain || !session.busy) session.link?.destroy(reason);
    // A node that hangs answers no WAIT: its callers are told within the bound of every other command.
    else setTimeout(() => session.link?.destroy(reason), DRAIN_MS).unref();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#decide();
    this.#pump();
  }

  owedMs(at: number): number {
    const since = this.#session?.owedSince;
    return since === undefined ? 0 : at - since;
  }

  get busy(): boolean {
    return this.#waiting > 0 || this.#session?.busy === true;
  }

  tick(at: number): void {
    if (this.#waiting === 0) return;
    for (const [key, writes] of this.#groups) {
      const late = writes.filter((write) => at >= write.deadline);
      if (late.length === 0) continue;
      this.#waiting -= late.length;
      this.#groups.set(
        key,
        writes.filter((write) => at < write.deadline),
      );
      for (const write of late)
        write.reject(new NotSentError(`${write.command}: not sent in time (${this.#why()})`));
    }
  }

  close(): void {
    this.#closed = true;
    for (const writes of this.#groups.values()) for (const write of writes) write.reject(new ClosedError());
    this.#groups = new Map();
    this.#waiting = 0;
    this.detach('closed', false);
  }

  /**
   * Confirmed while the link is under suspicion: a master that hung may have been deposed meanwhile, and a replica that still
   * follows it confirms all the same. Known at `release` (it is the master) or at `detach` (it is not: `session.left`).
   */
  #verdict(): Promise<void> {
    return this.#held ? new Promise((resolve) => this.#doubtful.push(resolve)) : Promise.resolve();
  }

  #decide(): void {
    for (const resolve of this.#doubtful.splice(0)) resolve();
  }

  #queue(write: DurableWrite): void {
    const key = `${write.durability.replicas}/${write.durability.timeoutMs}`;
    const group = this.#groups.get(key);
    if (group) group.push(write);
    else this.#groups.set(key, [write]);
    this.#waiting += 1;
  }

  #pump(): void {
    const session = this.#session;
    if (!session || session.busy || session.opening || this.#held || this.#closed) return;
    if (!session.link || session.link.closed !== undefined) return void this.#open(session);
    const batch = this.#take();
    if (batch.length === 0) return;
    session.busy = true;
    void this.#run(session, session.link, batch).finally(() => {
      session.busy = false;
      if (session.left) session.link?.destroy('another node is master');
      this.#pump();
    });
  }

  /** The group that has waited longest; a group that was served goes to the end. */
  #take(): DurableWrite[] {
    for (const [key, writes] of this.#groups) {
      if (writes.length === 0) {
        this.#groups.delete(key);
        continue;
      }
      const batch = writes.splice(0, BATCH_MAX);
      this.#groups.delete(key);
      if (writes.length > 0) this.#groups.set(key, writes);
      this.#waiting -= batch.length;
      return batch;
    }
    return [];
  }

  async #open(session: Session): Promise<void> {
    session.opening = true;
    try {
      const link = await session.open();
      if (session.left || this.#closed) link.destroy('another node is master');
      else session.link = link;
    } catch {
      // The supervisor watches the node; here it is only tried again while it is the master.
      await delay(jittered(50));
    }
    session.opening = false;
    this.#pump();
  }

  async #run(session: Session, link: Link, batch: readonly DurableWrite[]): Promise<void> {
    const { replicas, timeoutMs } = (batch[0] as DurableWrite).durability;
    const answers = batch.map((write) => link.send(write.command, write.args));
    // A write that has timed out is still owed its answer: the node hangs until it comes.
    session.owedSince ??= now();
    void Promise.allSettled(answers).then(() => {
      session.owedSince = undefined;
    });
    const confirmation = link.send('WAIT', [replicas, timeoutMs], false, timeoutMs);
    confirmation.catch(() => {});
    const applied: { write: DurableWrite; reply: unknown }[] = [];
    const settled = answers.map((answer, i) => this.#one(session, batch[i] as DurableWrite, answer, applied));
    await Promise.all(settled);
    if (applied.length === 0) return;
    let confirmed: number;
    try {
      confirmed = Number(await within(confirmation, timeoutMs + this.#commandTimeoutMs, 'WAIT'));
      await within(this.#verdict(), this.#commandTimeoutMs, 'whether the node is still master');
    } catch (error) {
      for (const { write } of applied) write.reject(unknown(write, error));
      if (!isReply(error)) link.destroy('WAIT was not answered');
      return;
    }
    for (const { write, reply } of applied) {
      if (session.left) write.reject(unknown(write, new Error('another node is master')));
      else if (confirmed >= replicas) write.resolve({ reply, replicas: confirmed });
      else write.reject(new DurabilityError(replicas, confirmed, timeoutMs));
    }
  }

  async #one(
    session: Session,
    write: DurableWrite,
    answer: Promise<unknown>,
    applied: { write: DurableWrite; reply: unknown }[],
  ): Promise<void> {
    const left = Math.max(1, write.deadline - now());
    try {
      applied.push({ write, reply: await within(answer, Math.ceil(left), write.command) });
    } catch (error) {
      if (isReply(error) && isPassing(error)) return this.#later(write, error);
      if (isReply(error) && !isRefusal(error)) return write.reject(new CommandError(error.message, error));
      if (!isReply(error) && !(error instanceof UnsentError)) return write.reject(unknown(write, error));
      if (isReply(error) && !session.left) this.#refused(error.message);
      if (this.#closed) return write.reject(new ClosedError());
      this.#queue(write);
    }
  }

  /** Tried again for as long as it may take; then the server's own reason is the answer. */
  #later(write: DurableWrite, refusal: Error): void {
    const waitMs = jittered(RETRY_MS);
    if (now() + waitMs >= write.deadline) write.reject(new CommandError(refusal.message, refusal));
    else setTimeout(() => this.submit(write), waitMs);
  }
}

function unknown(write: DurableWrite, cause: unknown): OutcomeUnknownError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OutcomeUnknownError(`${write.command}: sent, outcome unknown: ${reason}`, cause);
}
