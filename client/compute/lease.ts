/**
 * One load a key across processes: who finds no entry takes its lease, loads and stores; the others wait for it.
 *
 *   fetch ─▶ value
 *         ├▶ mine ─▶ load, renewing ─▶ store: only if the lease still is ours and the entry what it was; or release
 *         └▶ held ─▶ wait ─▶ told (value, settled, nothing, failed), or the lease's time is over ─▶ fetch again
 *
 * The token of a lease is random: it fences a holder that was too slow, and no counter can restart. A deletion removes the
 * lease with the entry, so that a load in flight stores nothing. The death of a holder costs what is left of its lease. Left
 * out: whether a value is fresh enough (`engine.ts`).
 */
import { randomBytes } from 'node:crypto';
import type { Argument } from '../connection/link.ts';
import { ClosedError } from '../errors.ts';
import { ABSENT, type FunctionName } from '../functions/library.ts';
import type { Command } from '../functions/transactions.ts';
import type { Remote } from '../remote.ts';
import { leaseKey, readyChannel } from './lease-key.ts';
import { Signals, type Wake } from './signals.ts';

/** Who has the lease, and how long for. */
export interface Held {
  readonly kind: 'held';
  readonly token: string;
  readonly leftMs: number;
}
export type Taken = { readonly kind: 'mine' } | Held;
export type Fetched = { readonly kind: 'value'; readonly payload: Buffer } | Taken;

/** How an entry begins, its checksum included: what `store` compares. */
const SEEN_BYTES = 18;
export const NOTHING_SEEN = Buffer.alloc(0);
export const seenOf = (payload: Buffer): Buffer => payload.subarray(0, SEEN_BYTES);

/** Why a lease is given back without a value: see `Outcome`. */
const LETTERS = { failed: 'f', nothing: 'n', again: 's' } as const;

/** A holder renews its lease when a third of it is over. */
const RENEWALS = 3;
/** Where nobody tells, Redis is asked in growing intervals, in ms. */
const POLL = { first: 10, growth: 1.5, last: 250 } as const;
/** How often a transaction is begun that somebody came between. */
const ATTEMPTS = 3;
/** Beyond the lease's end, so that it is over when it is asked for. */
const MARGIN_MS = 5;
/** Weight of the last read in the share of reads that hit. */
const WEIGHT = 1 / 16;

export interface LeaseOptions {
  readonly namespace: string;
  /** The longest that a load is waited for once its holder is dead. */
  readonly leaseMs: number;
}

export class Leases {
  readonly remote: Remote;
  readonly signals: Signals;
  readonly namespace: string;
  readonly leaseMs: number;
  readonly channel: string;
  #hits = 0;

  constructor(remote: Remote, { namespace, leaseMs }: LeaseOptions) {
    this.remote = remote;
    this.namespace = namespace;
    this.leaseMs = leaseMs;
    this.channel = readyChannel(namespace);
    this.signals = new Signals(remote.connection, this.channel);
  }

  /** Of the last reads most hit: then a plain GET comes first, which costs a hit less and a miss one command more. */
  get hitsAreTheRule(): boolean {
    return this.#hits > 0.5;
  }

  saw(hit: boolean): void {
    this.#hits += ((hit ? 1 : 0) - this.#hits) * WEIGHT;
  }

  /** For one flight of one key. */
  claim(physical: string): Claim {
    return new Claim(this, physical);
  }

  close(): void {
    this.signals.close();
  }
}

export class Claim {
  readonly #leases: Leases;
  readonly #entry: string;
  #lease = '';
  #token = '';
  /** The lease was given to this claim and not given back. */
  own = false;
  #renewal: NodeJS.Timeout | undefined;
  #pollMs: number = POLL.first;

  constructor(leases: Leases, physical: string) {
    this.#leases = leases;
    this.#entry = physical;
  }

  /** The entry, or its lease where there is none. `missed`: a read has said so already. */
  async fetch(missed = false): Promise<Fetched> {
    const leases = this.#leases;
    this.#name();
    const args = [this.#token, leases.leaseMs];
    const reply = await this.#call('rck1_fetch', [this.#entry, this.#lease], args);
    if (reply === ABSENT) return await this.#fetchPlainly(missed);
    leases.saw(Buffer.isBuffer(reply));
    return Buffer.isBuffer(reply) ? { kind: 'value', payload: reply } : this.#taken(reply);
  }

  /** The lease of an entry that is there. `waits`: who does not get it waits for its holder. */
  async take(waits: boolean): Promise<Taken> {
    this.#name();
    const args = [this.#token, this.#leases.leaseMs, waits ? 1 : 0];
    const reply = await this.#call('rck1_lease', [this.#lease], args);
    return reply === ABSENT ? await this.#takePlainly() : this.#taken(reply);
  }

  /** Until the holder's load is over, as far as can be known. `maxMs`: the caller's own patience. */
  async wait({ token, leftMs }: Held, maxMs: number, signal?: AbortSignal): Promise<Wake> {
    const { signals, remote } = this.#leases;
    // A holder that uses functions tells those only who have put their mark on its lease, which takes a function.
    const unheardMs = remote.functions.absent ? POLL.last : Number.POSITIVE_INFINITY;
    const limitMs = Math.max(0, Math.min(leftMs + MARGIN_MS, maxMs, unheardMs));
    if (signals.listening) return await signals.wait(token, limitMs, signal);
    // What was said before anybody listened is not heard: Redis is asked again, at once.
    if (await signals.open()) return { kind: 'silent' };
    const pollMs = this.#pollMs;
    this.#pollMs = Math.min(POLL.last, pollMs * POLL.growth);
    return await signals.wait(token, Math.min(limitMs, pollMs * (0.75 + Math.random() / 2)), signal);
  }

  /** False: the lease is somebody else's by now, or the entry is another than was seen, and nothing was stored. */
  async store(payload: Buffer, ttlMs: number | null, seen: Buffer = NOTHING_SEEN): Promise<boolean> {
    this.abandon();
    this.own = false;
    const { channel } = this.#leases;
    const args = [this.#token, payload, ttlMs ?? 0, seen, channel];
    const reply = await this.#call('rck1_store', [this.#entry, this.#lease], args);
    if (reply !== ABSENT) return Number(reply) === 1;
    // MGET: nothing, and no error, for a key of another type.
    const look: Command =
      seen.length === 0 ? ['MGET', this.#entry] : ['GETRANGE', this.#entry, 0, seen.length - 1];
    return this.#transact(look, (entry) =>
      isUnchanged(entry, seen)
        ? [
            ['SET', this.#entry, payload, ...(ttlMs === null ? [] : ['PX', ttlMs])],
            ['UNLINK', this.#lease],
            ['PUBLISH', channel, `${this.#token}s`],
          ]
        : undefined,
    );
  }

  /** There is nothing to store. Who waits is told why. */
  async release(outcome: keyof typeof LETTERS): Promise<void> {
    this.abandon();
    this.own = false;
    const { channel } = this.#leases;
    const letter = LETTERS[outcome];
    const reply = await this.#call('rck1_release', [this.#lease], [this.#token, letter, channel]);
    if (reply !== ABSENT) return;
    await this.#transact(undefined, () => [
      ['UNLINK', this.#lease],
      ['PUBLISH', channel, `${this.#token}${letter}`],
    ]);
  }

  /** Lets the lease run out. */
  abandon(): void {
    clearTimeout(this.#renewal);
    this.#renewal = undefined;
  }

  async #fetchPlainly(missed: boolean): Promise<Fetched> {
    const payload = missed ? null : await this.#leases.remote.get(this.#entry);
    return payload === null ? await this.#takePlainly() : { kind: 'value', payload };
  }

  async #takePlainly(): Promise<Taken> {
    const { remote, leaseMs } = this.#leases;
    const args = [this.#lease, this.#token, 'NX', 'GET', 'PX', leaseMs];
    const holder = await remote.guarded('lease', () =>
      remote.connection.request('SET', args, { impatient: true }),
    );
    return this.#taken(holder === null || this.#isOwn(holder) ? null : [holder, leaseMs]);
  }

  #taken(reply: unknown): Taken {
    if (Array.isArray(reply))
      return { kind: 'held', token: String(reply[0]), leftMs: Math.max(0, Number(reply[1])) };
    this.own = true;
    this.#renewInTime();
    return { kind: 'mine' };
  }

  /** A hit needs neither; the same for all tries of a flight, so that a lease whose answer was lost is recognised. */
  #name(): void {
    if (this.#token !== '') return;
    this.#token = randomBytes(8).toString('hex');
    this.#lease = leaseKey(this.#leases.namespace, this.#entry);
  }

  #renewInTime(): void {
    clearTimeout(this.#renewal);
    const renewal = setTimeout(() => {
      const again = (): void => {
        if (this.#renewal === renewal) this.#renewInTime();
      };
      // No answer says nothing about the lease; a lease that is lost stays lost.
      this.#renew().then(
        (own) => own && again(),
        (error: unknown) => error instanceof ClosedError || again(),
      );
    }, this.#leases.leaseMs / RENEWALS);
    renewal.unref();
    this.#renewal = renewal;
  }

  async #renew(): Promise<boolean> {
    const { remote, leaseMs } = this.#leases;
    const { functions, connection } = remote;
    const call = { impatient: true };
    const reply = await functions.call('rck1_renew', [this.#lease], [this.#token, leaseMs], call);
    if (reply !== ABSENT) return Number(reply) === 1;
    if (!this.#isOwn(await connection.request('GET', [this.#lease], call))) return false;
    // Taken over in between, it is the new holder's lease that lasts longer once, which harms nobody.
    return Number(await connection.request('PEXPIRE', [this.#lease, leaseMs], call)) === 1;
  }

  #isOwn(lease: unknown): boolean {
    return lease !== null && String(lease).startsWith(this.#token);
  }

  #call(name: FunctionName, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const { remote } = this.#leases;
    if (remote.functions.absent) return Promise.resolve(ABSENT);
    return remote.guarded(name, () => remote.functions.call(name, keys, args, { impatient: true }));
  }

  /** Writes while the lease is ours. What only touches the lease meanwhile (a renewal, a waiter's mark) is no reason not to. */
  async #transact(
    look: Command | undefined,
    decide: (seen: unknown) => readonly Command[] | undefined,
  ): Promise<boolean> {
    const { remote } = this.#leases;
    const keys = look ? [this.#lease, this.#entry] : [this.#lease];
    const looks: Command[] = look ? [['GET', this.#lease], look] : [['GET', this.#lease]];
    for (let attempt = 1; ; attempt++) {
      let decided = false;
      const written = await remote.guarded('transaction', () =>
        remote.transactions.run(keys, looks, ([lease, seen]) => {
          const writes = this.#isOwn(lease) ? decide(seen) : undefined;
          decided = writes !== undefined;
          return writes;
        }),
      );
      if (written || !decided || attempt === ATTEMPTS) return written;
    }
  }
}

function isUnchanged(reply: unknown, seen: Buffer): boolean {
  const entry = Array.isArray(reply) ? reply[0] : reply;
  if (!Buffer.isBuffer(entry) || entry.length === 0) return true;
  return seen.length > 0 && entry.equals(seen);
}
