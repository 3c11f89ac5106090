/**
 * Durable writes, on separate connections (WAIT blocks its connection), with one WAIT for many writes. All waiting
 * writes with the same guarantee (replicas and timeout) are sent together, followed by one WAIT; later writes form the
 * next batch. Different guarantees use different connections ("lanes"), so a guarantee that cannot be met does not
 * delay the others. A write is acknowledged when enough replicas have confirmed it *and* its node is still the master.
 */
import {
  ClientLimitError,
  ClosedError,
  CommandError,
  DurabilityError,
  NotSentError,
  OutcomeUnknownError,
} from '../api/errors.ts';
import type { Durability } from '../api/types.ts';
import type { Argument } from './commands.ts';
import { DRAIN_MS, isPassing, isRefusal } from './dispatcher.ts';
import { type Link, UnsentError } from './link.ts';
import type { Progress } from './progress.ts';
import { isReply, isUnavailable } from './reply-error.ts';
import { delay, jittered, now, withTimeout } from './timing.ts';

const BATCH_MAX = 1000;
const WAITING_MAX = 10_000;
const RETRY_MS = 50;
/** Maximum number of guarantees in flight; each needs a connection. */
const LANES_MAX = 8;
/** Time without a write after which all lanes but one are closed, in ms. */
const LANE_IDLE_MS = 30_000;

export interface DurableWrite {
  readonly durability: Exclude<Durability, 'async'>;
  readonly command: string;
  readonly args: readonly Argument[];
  /** Deadline of the write and its reply. WAIT has a separate limit, the timeout of the guarantee. */
  deadline: number;
  readonly asking?: boolean;
  readonly resolve: (result: { readonly reply: unknown; readonly replicas: number }) => void;
  readonly reject: (error: Error) => void;
}

/** Connection with one batch at a time. */
interface Lane {
  /** Link of the lane; undefined while it is being opened. */
  link: Link | undefined;
  busy: boolean;
  idleSince: number;
}

/** Lanes to one master, for as long as that node is the master. */
interface Session {
  readonly open: () => Promise<Link>;
  readonly lanes: Set<Lane>;
  /** Guarantees with a batch in flight. The next batch of the same guarantee waits for that batch. */
  readonly running: Set<string>;
  /** Whether another node is master. If so, confirmations from this node are rejected. */
  left: boolean;
}

export class DurableChannel {
  readonly #commandTimeoutMs: number;
  readonly #refused: (reason: string) => void;
  readonly #why: () => string;
  #groups = new Map<string, DurableWrite[]>();
  #waiting = 0;
  /** Number of writes that were rejected for a temporary reason and that a timer retries. */
  #deferred = 0;
  #session: Session | undefined;
  #used = false;
  #held = false;
  #isDoubted = false;
  /** Batches that wait until it is known whether their node is still the master. */
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
    else if (this.#waiting + this.#deferred >= WAITING_MAX)
      write.reject(
        new ClientLimitError(`${write.command}: ${WAITING_MAX} durable writes are already waiting`),
      );
    else {
      this.#queue(write);
      // Writes of one tick share the batch.
      queueMicrotask(() => this.#pump());
    }
  }

  /** Switches to a new master. A connection is opened immediately if durable writes have been used. */
  attach(open: () => Promise<Link>, hold = false): void {
    this.#session = { open, lanes: new Set(), running: new Set(), left: false };
    this.#held = hold;
    this.#isDoubted = false;
    this.#decide();
    if (this.#used) void this.#open(this.#session);
  }

  /**
   * Leaves the master. With `drain`, waits for the running batches: a demoted node rejects them, and they are sent to
   * the next master.
   */
  detach(reason: string, drain: boolean): void {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    session.left = true;
    this.#decide();
    for (const lane of session.lanes) {
      if (!drain || !lane.busy) lane.link?.destroy(reason);
      // A hung node does not reply to WAIT, so the link is closed after this delay, and callers get an error as early
      // as those of other commands.
      else setTimeout(() => lane.link?.destroy(reason), DRAIN_MS).unref();
    }
  }

  hold(): void {
    this.#held = true;
  }

  /** Like `hold`, for writes during an election. Ending this hold does not release confirmations that `doubt` holds. */
  holdWrites(hold: boolean): void {
    if (this.#held === hold) return;
    this.#held = hold;
    if (hold) return;
    if (!this.#isDoubted) this.#decide();
    this.#pump();
  }

  /** Holds confirmations until `release`. */
  doubt(): void {
    this.#isDoubted = true;
  }

  release(): void {
    this.#held = false;
    this.#isDoubted = false;
    this.#decide();
    this.#pump();
  }

  /** Longest time for which a reply has been due on any of the connections, excluding the time that a WAIT may take. */
  owedMs(at: number): number {
    return this.#longest((progress) => progress.owedMs(at));
  }

  silentMs(at: number): number {
    return this.#longest((progress) => progress.silentMs(at));
  }

  #longest(measure: (progress: Progress) => number): number {
    let longestMs = 0;
    for (const { link } of this.#session?.lanes ?? [])
      if (link && link.closed === undefined) longestMs = Math.max(longestMs, measure(link.progress));
    return longestMs;
  }

  /** Extends deadlines by the time during which this process was stalled. */
  forgive(ms: number, at: number): void {
    for (const { link } of this.#session?.lanes ?? []) link?.progress.forgive(ms, at);
    for (const writes of this.#groups.values())
      for (const write of writes) write.deadline = Math.min(write.deadline + ms, at + this.#commandTimeoutMs);
  }

  get busy(): boolean {
    return this.#waiting > 0 || (this.#session?.running.size ?? 0) > 0;
  }

  tick(at: number): void {
    this.#closeIdle(at);
    if (this.#waiting === 0) return;
    for (const [key, writes] of this.#groups) {
      const late = writes.filter((write) => at >= write.deadline);
      if (late.length === 0) continue;
      this.#waiting -= late.length;
      this.#groups.set(
        key,
        writes.filter((write) => at < write.deadline),
      );
      for (const write of late) write.reject(this.#notSent(write, key));
    }
  }

  /** Returns an error with the cause: a limit of this channel, or a missing connection to the master. */
  #notSent({ command }: DurableWrite, key: string): NotSentError {
    const session = this.#session;
    const late = `${command}: not sent in time`;
    if (session && !this.#held && session.running.has(key))
      return new ClientLimitError(
        `${late} (earlier writes with the same guarantee are still waiting for their replicas)`,
      );
    if (session && !this.#held && session.running.size >= LANES_MAX)
      return new ClientLimitError(
        `${late} (${LANES_MAX} other guarantees are still waiting for their replicas)`,
      );
    return new NotSentError(`${late} (${this.#why()})`);
  }

  #closeIdle(at: number): void {
    const lanes = this.#session?.lanes;
    if (!lanes || lanes.size < 2) return;
    for (const lane of lanes) {
      if (lanes.size < 2) return;
      if (!lane.link || lane.busy || at - lane.idleSince < LANE_IDLE_MS) continue;
      lanes.delete(lane);
      lane.link.destroy('idle');
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
   * Delays a confirmation while the link is suspect: a master that hung may have been deposed in the meantime, and a
   * replica that still follows it would confirm the write. Resolved by `release` (the node is the master) or `detach`
   * (it is not: `session.left`).
   */
  #checkMaster(): Promise<void> {
    if (!this.#held && !this.#isDoubted) return Promise.resolve();
    return new Promise((resolve) => this.#doubtful.push(resolve));
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

  /** Assigns a free lane to each waiting guarantee, starting with the one that has waited longest. */
  #pump(): void {
    const session = this.#session;
    if (!session || this.#held || this.#closed) return;
    const free: Lane[] = [];
    let opening = 0;
    for (const lane of session.lanes) {
      if (!lane.link) opening += 1;
      else if (lane.link.closed !== undefined && !lane.busy) session.lanes.delete(lane);
      else if (!lane.busy) free.push(lane);
    }
    for (const key of [...this.#groups.keys()]) {
      if (session.running.has(key)) continue;
      const batch = free.length > 0 ? this.#take(key) : [];
      const lane = batch.length > 0 ? free.pop() : undefined;
      if (lane) void this.#conduct(session, lane, key, batch);
      else if (opening > 0) opening -= 1;
      else if (session.lanes.size < LANES_MAX && this.#groups.get(key)?.length) void this.#open(session);
    }
  }

  /** Takes a batch of writes with the given guarantee; the remaining writes go to the end of the queue. */
  #take(key: string): readonly DurableWrite[] {
    const writes = this.#groups.get(key) ?? [];
    this.#groups.delete(key);
    const batch = writes.splice(0, BATCH_MAX);
    if (writes.length > 0) this.#groups.set(key, writes);
    this.#waiting -= batch.length;
    return batch;
  }

  async #open(session: Session): Promise<void> {
    const lane: Lane = { link: undefined, busy: false, idleSince: now() };
    session.lanes.add(lane);
    try {
      lane.link = await session.open();
      lane.idleSince = now();
      if (session.left || this.#closed) lane.link.destroy('another node is master');
    } catch {
      // The supervisor monitors the node, so the attempt is simply repeated while the node is the master.
      await delay(jittered(50));
      session.lanes.delete(lane);
    }
    this.#pump();
  }

  async #conduct(session: Session, lane: Lane, key: string, batch: readonly DurableWrite[]): Promise<void> {
    lane.busy = true;
    session.running.add(key);
    await this.#run(session, lane.link as Link, batch);
    session.running.delete(key);
    lane.busy = false;
    lane.idleSince = now();
    if (session.left) lane.link?.destroy('another node is master');
    this.#pump();
  }

  async #run(session: Session, link: Link, batch: readonly DurableWrite[]): Promise<void> {
    const { replicas, timeoutMs } = (batch[0] as DurableWrite).durability;
    // If ASKING is refused, the node redirects the write again. The caller then gets the reply to ASKING as the error.
    const unasked = new Map<DurableWrite, Error>();
    const answers = batch.map((write) => {
      if (write.asking)
        link.send('ASKING', []).catch((error: Error) => {
          if (isUnavailable(error)) unasked.set(write, new CommandError(error.message, error, 'ASKING'));
        });
      return link.send(write.command, write.args);
    });
    const confirmation = link.send('WAIT', [replicas, timeoutMs], false, timeoutMs);
    confirmation.catch(() => {});
    const applied: { write: DurableWrite; reply: unknown }[] = [];
    const settled = batch.map((write, i) =>
      this.#one(session, write, answers[i] as Promise<unknown>, applied, unasked),
    );
    await Promise.all(settled);
    if (applied.length === 0) return;
    let confirmed: number;
    try {
      confirmed = Number(await withTimeout(confirmation, timeoutMs + this.#commandTimeoutMs, 'WAIT'));
      await withTimeout(this.#checkMaster(), this.#commandTimeoutMs, 'whether the node is still master');
    } catch (error) {
      const refusal = isReply(error) ? new DurabilityError(replicas, 0, timeoutMs, error) : undefined;
      for (const { write } of applied) write.reject(refusal ?? unknownOutcome(write, error));
      if (!refusal) link.destroy('no reply to WAIT');
      return;
    }
    for (const { write, reply } of applied) {
      if (session.left) write.reject(unknownOutcome(write, new Error('another node is master')));
      else if (confirmed >= replicas) write.resolve({ reply, replicas: confirmed });
      else write.reject(new DurabilityError(replicas, confirmed, timeoutMs));
    }
  }

  async #one(
    session: Session,
    write: DurableWrite,
    answer: Promise<unknown>,
    applied: { write: DurableWrite; reply: unknown }[],
    unasked: ReadonlyMap<DurableWrite, Error>,
  ): Promise<void> {
    const left = Math.max(1, write.deadline - now());
    try {
      applied.push({ write, reply: await withTimeout(answer, Math.ceil(left), write.command) });
    } catch (error) {
      const refusal = unasked.get(write);
      if (refusal && isReply(error)) return write.reject(refusal);
      if (isReply(error) && isPassing(error)) return this.#later(write, error);
      if (isReply(error) && !isRefusal(error))
        return write.reject(new CommandError(error.message, error, write.command));
      if (!isReply(error) && !(error instanceof UnsentError))
        return write.reject(unknownOutcome(write, error));
      if (isReply(error) && !session.left) this.#refused(error.message);
      if (this.#closed) return write.reject(new ClosedError());
      this.#queue(write);
    }
  }

  /** Retries until the deadline, then throws the server's error reply. */
  #later(write: DurableWrite, refusal: Error): void {
    const waitMs = jittered(RETRY_MS);
    if (now() + waitMs >= write.deadline)
      write.reject(new CommandError(refusal.message, refusal, write.command));
    else {
      this.#deferred += 1;
      setTimeout(() => {
        this.#deferred -= 1;
        this.submit(write);
      }, waitMs);
    }
  }
}

function unknownOutcome(write: DurableWrite, cause: unknown): OutcomeUnknownError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OutcomeUnknownError(`${write.command}: sent, outcome unknown: ${reason}`, cause);
}
