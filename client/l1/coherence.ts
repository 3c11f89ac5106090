/**
 * Keeps data in this process (entries of the first tier, versions of tags) coherent with Redis by server-assisted
 * invalidation: the server reports every change to a key, by any client and of any kind (SET, DEL, expiry, eviction,
 * FLUSHALL).
 *
 *   master of the connection ─▶ listener (one per master) ─▶ 'invalidate' keys | 'reset' ─▶ first tier, table of tags
 *                                   └─ PING ─▶ `live`: may entries be served without a query to Redis?
 *
 * Bound: an entry is served only while `live` is true, which means that every message that the master sent up to
 * `boundMs` ago has certainly arrived. Therefore a value that was overwritten more than `boundMs` ago is never served,
 * even if the listener hangs or is disconnected, or this process is too busy to read. Usually the value is dropped
 * within 0.2 ms.
 *
 * Use:
 *   read:   if `live`, look into the first tier. Otherwise, and on a miss: `fill = begin(key)`, read from the master,
 *           keep the value if `fill.end()` returns true. `end` must also be called after a failed read.
 *   write:  `forget([key])` when the write was acknowledged or has failed. The process's own write may be served until
 *           `boundMs` after it was sent, and no longer: the server sends one message for all changes to a key in one
 *           iteration of its event loop, so the message may also report another write. Only a later read shows that no
 *           other write followed.
 *   events: 'invalidate': drop these keys. 'reset': drop all keys. 'lost' and 'live': for information.
 *
 * 'reset' is emitted when coherence is live again after a gap, not when the gap begins: while Redis is unreachable,
 * entries may serve as a fallback, marked as such. A short suspicion of the shared connection that ends with the same
 * master is not a gap.
 *
 * Left out: replies from replicas (they may be older than an invalidation that was received, so they must not fill the
 * first tier), SWAPDB (the server does not report it), and an expired key that Redis has not removed yet: its change is
 * reported when Redis removes it.
 */

import { Emitter } from '../api/events.ts';
import type { Address, ConnectionEvent, ConnectionState } from '../api/types.ts';
import { addressKey } from '../transport/address.ts';
import type { Link } from '../transport/link.ts';
import { isReply } from '../transport/reply-error.ts';
import { delay, jittered, now } from '../transport/timing.ts';
import { type Fill, Fills } from './fills.ts';
import { Listener } from './listener.ts';

const BOUND_MS = 500;
/** Number of times that a listener is checked within the bound. */
const BEATS = 4;
const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 500;
/**
 * Maximum delay between retries after a refusal, in ms. Retries continue, because the permissions of the user may
 * change.
 */
const REFUSED_MAX_MS = 10_000;

/** Properties that coherence needs from the shared connection. */
export interface Followed {
  readonly state: ConnectionState;
  on(listener: (event: ConnectionEvent) => void): () => void;
  /**
   * Returns the current masters of a cluster; undefined while one is unknown. A node must be listed before a command is
   * sent to it, so that no reply from a master without a listener is kept.
   */
  masters?(): readonly Address[] | undefined;
}

export interface CoherenceOptions {
  /**
   * Prefixes of the physical keys whose changes are reported; none may be a prefix of another. Keys without one of
   * these prefixes are not kept.
   */
  readonly prefixes: readonly string[];
  /** Opens a RESP2 link to a master. `dedicatedConnections(options)` returns such a function. */
  readonly open: (master: Address) => Promise<Link>;
  /** Maximum time, in ms, during which an overwritten value may be served; default 500. */
  readonly boundMs?: number;
}

export type CoherenceEvent =
  /** `here`: this process made the change. */
  | { readonly type: 'invalidate'; readonly keys: readonly string[]; readonly here: boolean }
  | { readonly type: 'reset'; readonly reason: string }
  | { readonly type: 'live' }
  | { readonly type: 'lost'; readonly reason: string };

/** Master with its listener. If the listener ends while the master is still followed, another one is opened. */
interface Post {
  readonly address: Address;
  readonly left: AbortController;
  listener: Listener | undefined;
}

export class Coherence {
  readonly boundMs: number;
  readonly #followed: Followed;
  readonly #options: CoherenceOptions;
  readonly #events = new Emitter<CoherenceEvent>();
  readonly #fills = new Fills();
  readonly #posts = new Map<string, Post>();
  readonly #timer: NodeJS.Timeout;
  readonly #unfollow: () => void;
  /** Whether every master has a listener, and there has been no gap since the last reset. */
  #whole = false;
  /** Reason for the current gap, which lasts until a reset; undefined if there is no gap. */
  #gap: string | undefined = 'the first connection';
  /** Whether every master has a listener, and the shared connection is not suspect. */
  #serving = false;
  /** Every message that a master sent before this time has arrived. */
  #provenAt = 0;
  #failure: string | undefined;
  #closed = false;

  constructor(followed: Followed, options: CoherenceOptions) {
    this.#followed = followed;
    this.#options = options;
    this.boundMs = options.boundMs ?? BOUND_MS;
    this.#unfollow = followed.on((event) => this.#noticed(event));
    // Checks run after the poll phase, so that a busy process first reads the replies that are waiting in the socket.
    this.#timer = setInterval(() => setImmediate(() => this.#beat()), this.boundMs / BEATS);
    this.#timer.unref();
    this.#follow();
  }

  /**
   * Whether entries may be served. Reads the clock, so that no old values are served after the event loop has been
   * blocked.
   */
  get live(): boolean {
    return this.#serving && now() - this.#provenAt < this.boundMs;
  }

  /**
   * Begins a fill. Must be called before a key is read from its master; the fill is valid if the key is not invalidated
   * before `end`.
   */
  begin(key: string): Fill {
    if (!this.#whole || !this.#listed() || !this.covers(key)) return this.#fills.refused();
    const fill = this.#fills.begin(key);
    return { end: () => fill.end() && this.#listed() };
  }

  /** Whether the server reports changes to the key. */
  covers(key: string): boolean {
    const { prefixes } = this.#options;
    for (const prefix of prefixes) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** Immediately drops keys that this process has changed, or may have changed, as if Redis had reported the change. */
  forget(keys: readonly string[]): void {
    this.#changed(keys, true);
  }

  #changed(keys: readonly string[], here: boolean): void {
    for (const key of keys) this.#fills.invalidate(key);
    this.#events.emit({ type: 'invalidate', keys, here });
  }

  on(listener: (event: CoherenceEvent) => void): () => void {
    return this.#events.on(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unfollow();
    for (const post of [...this.#posts.values()]) this.#leave(post, 'closed');
    this.#assess('closed');
  }

  // --- masters to listen to -----------------------------------------------------------------------------------------

  #masters(): readonly Address[] | undefined {
    if (this.#followed.masters) return this.#followed.masters();
    const { state } = this.#followed;
    return state.kind === 'ready' || state.kind === 'suspect' ? [state.master] : undefined;
  }

  /** Whether every master is listed. A cluster may have a master that no event has reported yet. */
  #listed(): boolean {
    const masters = this.#followed.masters?.();
    return masters === undefined || masters.every((master) => this.#posts.has(addressKey(master)));
  }

  #noticed(event: ConnectionEvent): void {
    if (event.type === 'closed') {
      this.close();
      return;
    }
    this.#follow();
    this.#assess(event.type === 'lost' || event.type === 'suspect' ? event.reason : event.type);
  }

  /**
   * Keeps one listener for each current master and for a master that is only temporarily unknown; closes all others.
   */
  #follow(): void {
    const masters = this.#masters();
    if (masters === undefined || this.#closed) return;
    const wanted = new Map(masters.map((master) => [addressKey(master), master]));
    for (const [key, post] of this.#posts) if (!wanted.has(key)) this.#leave(post, 'another node is master');
    for (const [key, address] of wanted) {
      if (this.#posts.has(key)) continue;
      const post: Post = { address, left: new AbortController(), listener: undefined };
      this.#posts.set(key, post);
      this.#interrupted('a new master');
      void this.#man(post);
    }
  }

  #leave(post: Post, reason: string): void {
    this.#posts.delete(addressKey(post.address));
    post.left.abort();
    post.listener?.close(reason);
    post.listener = undefined;
    this.#interrupted(reason);
  }

  /** Keeps the listener of a master open until the master is no longer followed. */
  async #man(post: Post): Promise<void> {
    const { signal } = post.left;
    let retryMs = RETRY_MIN_MS;
    let retryMaxMs = RETRY_MAX_MS;
    while (!signal.aborted) {
      try {
        const link = await this.#options.open(post.address);
        const heard = (keys: readonly string[] | undefined): void => this.#heard(post, keys);
        const listener = await Listener.arm(link, this.#options.prefixes, heard, this.boundMs);
        if (signal.aborted) return listener.close('another node is master');
        retryMs = RETRY_MIN_MS;
        post.listener = listener;
        this.#prove();
        this.#assess('');
        const reason = await listener.over;
        if (signal.aborted) return;
        post.listener = undefined;
        this.#interrupted(`listener of ${addressKey(post.address)}: ${reason}`);
      } catch (error) {
        // The listener was refused, or the node is unreachable. Retry while the node is master. Without a listener,
        // nothing is served.
        this.#failed(error);
        retryMaxMs = isReply(error) ? REFUSED_MAX_MS : RETRY_MAX_MS;
      }
      await delay(jittered(retryMs), signal);
      retryMs = Math.min(retryMs * 2, retryMaxMs);
    }
  }

  /** Reports a failure only once, because a server that refuses the user does so on every attempt. */
  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#failure) this.#events.emit({ type: 'lost', reason });
    this.#failure = reason;
  }

  // --- messages of listeners ---------------------------------------------------------------------------------------

  #heard(post: Post, keys: readonly string[] | undefined): void {
    if (post.left.signal.aborted) return;
    if (keys) this.#changed(keys, false);
    else this.#reset('the keys were flushed');
  }

  #reset(reason: string): void {
    this.#fills.invalidateAll();
    this.#events.emit({ type: 'reset', reason });
  }

  #beat(): void {
    if (this.#closed) return;
    this.#follow();
    for (const { listener } of this.#posts.values()) listener?.beat(this.boundMs, () => this.#prove());
  }

  #prove(): void {
    let provenAt = Number.POSITIVE_INFINITY;
    for (const { listener } of this.#posts.values()) provenAt = Math.min(provenAt, listener?.provenAt ?? 0);
    this.#provenAt = provenAt;
  }

  // --- consequences of messages and gaps ---------------------------------------------------------------------------

  /** Handles a gap, in which messages may have been lost. */
  #interrupted(reason: string): void {
    this.#gap ??= reason;
    this.#fills.invalidateAll();
    this.#assess(reason);
  }

  #assess(reason: string): void {
    const posts = [...this.#posts.values()];
    const whole = posts.length > 0 && posts.every(({ listener }) => listener !== undefined);
    this.#whole = whole;
    if (whole && this.#gap !== undefined) {
      const gap = this.#gap;
      this.#gap = undefined;
      this.#failure = undefined;
      this.#reset(gap);
    }
    const serving = whole && this.#followed.state.kind === 'ready';
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#events.emit(serving ? { type: 'live' } : { type: 'lost', reason });
  }
}
