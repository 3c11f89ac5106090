/**
 * One connection to a node, on which the node reports every changed key.
 *
 *   CLIENT ID ─▶ CLIENT TRACKING ON REDIRECT <own id> BCAST PREFIX p ─▶ SUBSCRIBE __redis__:invalidate ─▶ PING …
 *
 * The connection redirects to itself, so that tracking, subscription and socket share one lifetime. None of them can
 * fail without the others (the server does not report a redirect whose target died), and one reply to PING proves that
 * all three work. With BCAST, the server needs no memory per key. Without NOLOOP, the node builds one message for all
 * of its listeners, and the process's own writes are handled like any others.
 */
import type { Link } from '../transport/link.ts';
import { isReply } from '../transport/reply-error.ts';
import { now, withTimeout } from '../transport/timing.ts';

const CHANNEL = '__redis__:invalidate';

/** Age of the last reply to PING, as a share of the allowed silence, after which the next PING is sent. */
const ASKED_AFTER = 0.4;

export class Listener {
  readonly #link: Link;
  /** Every message that the node sent before this time has arrived. */
  provenAt: number;
  #askedAt: number | undefined;

  private constructor(link: Link, provenAt: number) {
    this.#link = link;
    this.provenAt = provenAt;
  }

  /**
   * Opens a listener.
   *
   * @param heard receives the keys that changed; undefined if any key may have changed (FLUSHALL)
   * @throws the node's error reply, or a timeout; in both cases the link is closed
   */
  static async arm(
    link: Link,
    prefixes: readonly string[],
    heard: (keys: readonly string[] | undefined) => void,
    timeoutMs: number,
  ): Promise<Listener> {
    const { redis } = link;
    try {
      const id = String(await withTimeout(redis.call('CLIENT', 'ID'), timeoutMs, 'CLIENT ID'));
      const what = prefixes.flatMap((prefix) => ['PREFIX', prefix]);
      const tracking = redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...what);
      await withTimeout(tracking, timeoutMs, 'CLIENT TRACKING');
      redis.on('messageBuffer', (_channel: Buffer, message: unknown) =>
        heard(Array.isArray(message) ? message.map(String) : undefined),
      );
      const askedAt = now();
      await withTimeout(redis.subscribe(CHANNEL), timeoutMs, `SUBSCRIBE ${CHANNEL}`);
      return new Listener(link, askedAt);
    } catch (error) {
      link.destroy('CLIENT TRACKING failed');
      throw error;
    }
  }

  /** Promise that resolves with the reason why the listener ended. */
  get over(): Promise<string> {
    return this.#link.over;
  }

  /**
   * Sends a PING, unless a reply arrived recently; `proven` is called when the reply arrives. Ends the connection if
   * the last reply is overdue.
   */
  beat(allowedSilenceMs: number, proven: () => void): void {
    const at = now();
    if (this.#askedAt !== undefined) {
      // Messages that are still arriving precede the reply: the connection is slow, not hung. Nothing is served
      // meanwhile.
      const silentMs = at - Math.max(this.#askedAt, this.#link.progress.heardAt);
      if (silentMs > allowedSilenceMs) this.close(`no reply to PING for ${Math.round(silentMs)} ms`);
      return;
    }
    // Each PING is work for the server, so the next one is sent only some time after the last reply.
    if (at - this.provenAt < allowedSilenceMs * ASKED_AFTER) return;
    this.#askedAt = at;
    const answered = (): void => {
      this.#askedAt = undefined;
      this.provenAt = at;
      proven();
    };
    // A user without permission for PING gets an error reply, which also counts as a reply.
    this.#link.redis
      .ping()
      .then(answered, (error: unknown) => (isReply(error) ? answered() : this.close('no reply to PING')));
  }

  close(reason: string): void {
    this.#link.destroy(reason);
  }
}
