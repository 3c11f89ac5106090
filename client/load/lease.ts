/**
 * One load per key across processes: the process that finds no entry acquires its lease, loads and stores; others wait.
 *
 *   fetch ─▶ value
 *         ├▶ mine ─▶ load, renewing ─▶ store: only if the lease is still held; or release
 *         └▶ held ─▶ wait ─▶ notified (value, settled, nothing, failed), or the lease has expired ─▶ fetch again
 *
 * The lease of an absent entry is a placeholder in its place (`placeholder.ts`): a set or a deletion of the entry ends
 * the lease, and a load in flight stores nothing. If an existing entry is to be replaced, the lease is a separate key
 * (`lease-key.ts`), and the value is stored only if the entry is still the one that was read. The token is random: it
 * fences a holder that was too slow. A lease is renewed until the value is stored. If the holder dies, waiters wait
 * until the lease expires.
 *
 * Left out: whether a value is fresh (`engine.ts`), and how the server runs the steps (`functions/procedures.ts`).
 */
import { randomBytes } from 'node:crypto';
import { ClosedError, CommandError, isConnectivityError } from '../api/errors.ts';
import type { Remote } from '../cache/remote.ts';
import { encodePlaceholder, TOKEN_LENGTH, tokenOf } from '../codec/placeholder.ts';
import { ABSENT, type Procedure } from '../functions/procedures.ts';
import type { Command } from '../functions/transactions.ts';
import type { Argument } from '../transport/commands.ts';
import { now } from '../transport/timing.ts';
import { leaseKey, readyChannel } from './lease-key.ts';
import type { AcquireResult, Fetched, HeldByOther, Place } from './lease-state.ts';
import { CHANGED, HEAD_BYTES } from './lease-state.ts';
import { type Notification, Signals } from './signals.ts';

/** Reasons to release a lease without a value: see `Outcome`. */
const LETTERS = { failed: 'f', nothing: 'n', again: 's' } as const;

/** Fraction of the lease time after which a holder renews its lease: one third. */
const RENEWALS = 3;
/** Polling intervals, in ms, for waiters that receive no notifications. */
const POLL = { first: 10, growth: 1.5, last: 250 } as const;
/** Maximum number of attempts when a key changes concurrently. */
const ATTEMPTS = 3;
/** Margin after the end of a lease, in ms, so that the lease has expired when the entry is read. */
const MARGIN_MS = 5;
/** Weight of the last read in the recent hit ratio. */
const WEIGHT = 1 / 16;

export interface LeaseOptions {
  readonly namespace: string;
  /** Maximum wait, in ms, for the load of a holder that died. */
  readonly leaseMs: number;
}

export class Leases {
  readonly remote: Remote;
  readonly signals: Signals;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly channel: string;
  readonly #unfollow: () => void;
  #hits = 0;
  /** Whether the server refuses PUBLISH. */
  #isMute = false;

  constructor(remote: Remote, { namespace, leaseMs }: LeaseOptions) {
    this.remote = remote;
    this.namespace = namespace;
    this.leaseMs = leaseMs;
    this.channel = readyChannel(namespace);
    this.signals = new Signals(remote.connection, this.channel);
    this.#unfollow = remote.connection.on(({ type }) => {
      if (type === 'ready') this.#isMute = false;
    });
  }

  /**
   * Whether the recent hit ratio is above 0.5. If so, a plain GET comes first, which makes hits cheaper and adds one
   * command to every miss.
   */
  get mostlyHits(): boolean {
    return this.#hits > 0.5;
  }

  recordRead(hit: boolean): void {
    this.#hits += ((hit ? 1 : 0) - this.#hits) * WEIGHT;
  }

  /** Returns a handle for one load of one key. */
  handleOf(physical: string): LeaseHandle {
    return new LeaseHandle(this, physical);
  }

  /**
   * Returns the key of a lease next to an entry. undefined: there is no such key in the entry's slot, so each process
   * replaces the entry without a lease.
   */
  keyOf(physical: string): string | undefined {
    const key = leaseKey(this.namespace, physical);
    const { slotOf } = this.remote.connection;
    return slotOf && slotOf(key) !== slotOf(physical) ? undefined : key;
  }

  /**
   * Notifies the waiters of all processes, if the user is permitted to. A waiter that gets no notification polls
   * instead.
   */
  publish(message: string): void {
    if (this.#isMute) return;
    const { connection } = this.remote;
    connection.request('PUBLISH', [this.channel, message], { failFast: true }).catch((error: unknown) => {
      if (error instanceof CommandError) this.#isMute = true;
    });
  }

  close(): void {
    this.signals.close();
    this.#unfollow();
  }
}

export class LeaseHandle {
  readonly #leases: Leases;
  readonly #entry: string;
  #lease: string | undefined;
  #token = '';
  #placeholder: Buffer = Buffer.alloc(0);
  /** Place of the lease; undefined if this handle does not hold the lease. */
  #place: Place | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #pollMs: number = POLL.first;
  /** Time, in ms (monotonic clock), at which the entry was last requested. */
  #askedAt = 0;

  constructor(leases: Leases, physical: string) {
    this.#leases = leases;
    this.#entry = physical;
  }

  /** Whether this handle holds the lease. */
  get own(): boolean {
    return this.#place !== undefined;
  }

  /** Reads the entry, or acquires its lease if the entry is absent. `missed`: an earlier read has already missed. */
  async fetch(missed = false): Promise<Fetched> {
    this.#name();
    const args = [this.#placeholder, this.#leases.leaseMs];
    const reply = await this.#run('fetch', [this.#entry], args);
    if (reply === ABSENT) return this.#fetchPlainly(missed);
    this.#leases.recordRead(Buffer.isBuffer(reply));
    return Buffer.isBuffer(reply) ? { kind: 'value', payload: reply } : this.#taken(reply);
  }

  /** Acquires the lease of an absent entry or of an entry to replace. `waits`: the caller waits for the holder. */
  async take(waits: boolean): Promise<AcquireResult> {
    this.#name();
    this.#lease ??= this.#leases.keyOf(this.#entry);
    const args = [this.#placeholder, this.#leases.leaseMs, waits ? 1 : 0];
    const keys = this.#lease === undefined ? [this.#entry] : [this.#entry, this.#lease];
    const reply = await this.#run('take', keys, args);
    if (reply === ABSENT) return this.#takePlainly();
    return Buffer.isBuffer(reply) ? this.#mine({ kind: 'beside', head: reply }) : this.#taken(reply);
  }

  /**
   * Waits until the load of the holder has ended, as far as this process can detect. `maxMs`: time limit of the caller.
   */
  async wait({ token, leftMs }: HeldByOther, maxMs: number, signal?: AbortSignal): Promise<Notification> {
    const { signals, remote } = this.#leases;
    // Some holders notify only waiters that have marked the lease, and plain commands cannot mark it.
    const unheardMs = remote.procedures.mode === 'commands' ? POLL.last : Number.POSITIVE_INFINITY;
    const limitMs = Math.max(0, Math.min(leftMs + MARGIN_MS, maxMs, unheardMs));
    if (signals.listening) return await signals.wait(token, limitMs, this.#askedAt, signal);
    // A notification sent before the subscription is lost, so the entry is read from Redis again immediately.
    if (await signals.open()) return { kind: 'silent' };
    const pollMs = this.#pollMs;
    this.#pollMs = Math.min(POLL.last, pollMs * POLL.growth);
    const waitMs = Math.min(limitMs, pollMs * (0.75 + Math.random() / 2));
    return await signals.wait(token, waitMs, this.#askedAt, signal);
  }

  /**
   * Stores the value if the lease is still held. Returns false, and stores nothing, if another process has changed the
   * lease or the entry in the meantime.
   */
  async store(payload: Buffer, ttlMs: number | null): Promise<boolean> {
    const place = this.#place;
    if (!place) return false;
    // If the slot of the entry has no lease key, the stored entry is still compared.
    const keys = place.kind === 'beside' && this.#lease === undefined ? [this.#entry] : this.#keysOf(place);
    const head = place.kind === 'entry' ? '' : place.head;
    try {
      const args = [this.#token, payload, ttlMs ?? 0, head, this.#leases.channel];
      const reply = await this.#run('store', keys, args);
      const isStored =
        reply === ABSENT ? await this.#storePlainly(place, payload, ttlMs) : Number(reply) === 1;
      this.#place = undefined;
      return isStored;
    } finally {
      // The lease is renewed until this point, because a server may be slow to store the value.
      this.#stopRenewal();
    }
  }

  /** Releases the lease without a value and notifies the waiters. After a connectivity error, `giveUp` releases it. */
  async release(outcome: keyof typeof LETTERS): Promise<void> {
    const place = this.#place;
    this.abandon();
    if (!place || this.#keysOf(place).length === 0) return;
    const letter = LETTERS[outcome];
    const args = [this.#token, letter, this.#leases.channel];
    try {
      const reply = await this.#run('release', this.#keysOf(place), args);
      if (reply === ABSENT) await this.#releasePlainly(place, letter);
    } catch (error) {
      if (isConnectivityError(error)) this.giveUp().catch(() => {});
      throw error;
    }
  }

  /**
   * Releases a lease after a failed command, which the server may have executed. Bypasses the breaker and waits for the
   * next master. Without procedures on the server, the lease expires instead.
   */
  async giveUp(): Promise<void> {
    const entry = [this.#entry];
    const places = this.#lease === undefined ? [entry] : [entry, [this.#entry, this.#lease]];
    this.abandon();
    const { procedures } = this.#leases.remote;
    if (this.#token === '' || procedures.mode === 'commands') return;
    const args = [this.#token, LETTERS.again, this.#leases.channel];
    await Promise.all(places.map((keys) => procedures.run('release', keys, args)));
  }

  /** Stops renewing the lease, so that it expires. */
  abandon(): void {
    this.#place = undefined;
    this.#stopRenewal();
  }

  async #fetchPlainly(missed: boolean): Promise<Fetched> {
    const { remote, leaseMs } = this.#leases;
    let found: Buffer | null | undefined = missed ? null : await remote.get(this.#entry);
    for (let attempt = 1; !found && attempt <= ATTEMPTS; attempt++) {
      found = await this.#setOrGet(this.#entry, this.#placeholder);
      if (found === null) return this.#mine({ kind: 'entry' });
    }
    if (!found) return CHANGED;
    const holder = tokenOf(found);
    if (holder === undefined) return { kind: 'value', payload: found };
    return holder === this.#token
      ? this.#mine({ kind: 'entry' })
      : { kind: 'held', token: holder, leftMs: leaseMs };
  }

  async #takePlainly(): Promise<AcquireResult> {
    const head = await this.#headOf(this.#entry);
    if (head.length === 0 || tokenOf(head) !== undefined) {
      const fetched = await this.#fetchPlainly(head.length === 0);
      return fetched.kind === 'value' ? CHANGED : fetched;
    }
    const place: Place = { kind: 'beside', head };
    if (this.#lease === undefined) return this.#mine(place);
    const held = await this.#setOrGet(this.#lease, this.#token);
    if (held === undefined) return CHANGED;
    if (held === null || this.#isOwn(place, held)) return this.#mine(place);
    return {
      kind: 'held',
      token: held.toString('latin1', 0, TOKEN_LENGTH),
      leftMs: this.#leases.leaseMs,
    };
  }

  async #storePlainly(place: Place, payload: Buffer, ttlMs: number | null): Promise<boolean> {
    const lease = place.kind === 'beside' ? this.#lease : undefined;
    const keys = lease === undefined ? [this.#entry] : [this.#entry, lease];
    let isUnchanged = false;
    const isWritten = await this.#transact(keys, ([head, held]) => {
      const isOwn = place.kind === 'entry' ? this.#isOwn(place, head) : !lease || this.#isOwn(place, held);
      isUnchanged = isOwn && (place.kind === 'entry' || place.head.equals(head as Buffer));
      const writes: Command[] = isUnchanged
        ? [['SET', this.#entry, payload, 'XX', ...(ttlMs === null ? [] : ['PX', ttlMs])]]
        : [];
      if (isOwn && lease !== undefined) writes.push(['UNLINK', lease]);
      return writes.length > 0 ? writes : undefined;
    });
    if (isWritten) this.#leases.publish(`${this.#token}s`);
    return isWritten && isUnchanged;
  }

  async #releasePlainly(place: Place, letter: string): Promise<void> {
    const key = this.#keyOf(place);
    const isWritten = await this.#transact([key], ([head]) =>
      this.#isOwn(place, head) ? [['UNLINK', key]] : undefined,
    );
    if (isWritten) this.#leases.publish(`${this.#token}${letter}`);
  }

  async #renewPlainly(place: Place): Promise<boolean> {
    const key = this.#keyOf(place);
    const lease = place.kind === 'entry' ? this.#placeholder : this.#token;
    return this.#transact([key], ([head]) =>
      this.#isOwn(place, head) ? [['SET', key, lease, 'PX', this.#leases.leaseMs]] : undefined,
    );
  }

  /** Whether the lease with these first bytes is held by this handle. */
  #isOwn({ kind }: Place, head: unknown): boolean {
    if (!Buffer.isBuffer(head)) return false;
    const token = kind === 'entry' ? tokenOf(head) : head.toString('latin1', 0, TOKEN_LENGTH);
    return token === this.#token;
  }

  /** Passes the first bytes of the keys to `decide`, and executes the commands that it returns, if any. */
  #transact(
    keys: readonly string[],
    decide: (heads: readonly unknown[]) => readonly Command[] | undefined,
  ): Promise<boolean> {
    const { remote } = this.#leases;
    const looks = keys.map((key) => ['GETRANGE', key, 0, HEAD_BYTES - 1] as const);
    return this.#guarded(() => remote.transactions.run({ keys, looks, decide }));
  }

  async #headOf(key: string): Promise<Buffer> {
    const { connection } = this.#leases.remote;
    const call = { buffers: true, failFast: true };
    const range = [key, 0, HEAD_BYTES - 1];
    return (await this.#guarded(() => connection.request('GETRANGE', range, call))) as Buffer;
  }

  #setOrGet(key: string, value: Argument): Promise<Buffer | null | undefined> {
    const { remote, leaseMs } = this.#leases;
    return this.#guarded(() => remote.setOrGet.run(key, value, ['PX', leaseMs])) as Promise<Buffer | null>;
  }

  #taken(reply: unknown): AcquireResult {
    if (!Array.isArray(reply)) return this.#mine({ kind: 'entry' });
    return { kind: 'held', token: String(reply[0]), leftMs: Math.max(0, Number(reply[1])) };
  }

  #mine(place: Place): AcquireResult {
    this.#place = place;
    if (this.#keysOf(place).length > 0) this.#renewInTime();
    return { kind: 'mine', ...(place.kind === 'beside' && { head: place.head }) };
  }

  /**
   * Sets the token. All attempts of a load use the same token: if the reply to an attempt was lost, the next attempt
   * recognises the lease as its own.
   */
  #name(): void {
    this.#askedAt = now();
    if (this.#token !== '') return;
    this.#token = randomBytes(TOKEN_LENGTH / 2).toString('hex');
    this.#placeholder = encodePlaceholder(this.#token);
  }

  /** Returns the keys of the lease; none for an entry whose slot cannot have a lease key. */
  #keysOf({ kind }: Place): readonly string[] {
    if (kind === 'entry') return [this.#entry];
    return this.#lease === undefined ? [] : [this.#entry, this.#lease];
  }

  #keyOf({ kind }: Place): string {
    return kind === 'entry' ? this.#entry : (this.#lease ?? this.#entry);
  }

  #renewInTime(): void {
    clearTimeout(this.#renewal);
    const renewal = setTimeout(() => {
      const again = (): void => {
        if (this.#renewal === renewal) this.#renewInTime();
      };
      // A missing reply leaves the state of the lease unknown; a lost lease stays lost.
      this.#renew().then(
        (isOwn) => isOwn && again(),
        (error: unknown) => error instanceof ClosedError || again(),
      );
    }, this.#leases.leaseMs / RENEWALS);
    renewal.unref();
    this.#renewal = renewal;
  }

  #stopRenewal(): void {
    clearTimeout(this.#renewal);
    this.#renewal = undefined;
  }

  async #renew(): Promise<boolean> {
    const place = this.#place;
    if (!place) return false;
    const reply = await this.#run('renew', this.#keysOf(place), [this.#token, this.#leases.leaseMs]);
    return reply === ABSENT ? this.#renewPlainly(place) : Number(reply) === 1;
  }

  #run(name: Procedure, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const { procedures } = this.#leases.remote;
    if (procedures.mode === 'commands') return Promise.resolve(ABSENT);
    return this.#guarded(() => procedures.run(name, keys, args, { failFast: true }));
  }

  #guarded<T>(run: () => Promise<T>): Promise<T> {
    return this.#leases.remote.guarded('getOrCompute', run);
  }
}
