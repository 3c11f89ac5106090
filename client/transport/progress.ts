/**
 * Progress of one connection: how long the node has been silent while a reply is due.
 *
 *   sent ─▶ due, once all earlier replies have arrived ─▶ first bytes ─▶ more bytes … ─▶ settled
 *
 * Arriving bytes are progress, regardless of how long the complete reply takes: slow is not hung. Sending is not
 * visible, because the kernel accepts bytes long before the node has them. After a large command, silence is allowed
 * for as long as its bytes take on a slow network; after WAIT, for as long as its timeout. Replies arrive in the order
 * of the commands, so only the reply that is due counts.
 */
import { now } from './timing.ts';

/** Slowest supported network: 1 MB/s, a fifth of the speed of the slowest network that was reported. */
const SLOWEST_BYTES_PER_MS = 1000;
/**
 * Minimum size of a command for which extra time is allowed for sending. Smaller commands take at most 16 ms on the
 * slowest network.
 */
const LARGE_BYTES = 16_384;

interface Allowance {
  /** Sequence number of the command on this connection. */
  readonly number: number;
  /** Maximum time, in ms, that the server may wait before it replies. */
  readonly waitMs: number;
  /** Time, in ms, that sending the command may take. */
  readonly sendMs: number;
}

export class Progress {
  readonly #sendMaxMs: number;
  readonly #allowances: Allowance[] = [];
  #sent = 0;
  #settled = 0;
  /** Time at which the next reply became due. */
  #dueSince = 0;
  /** Time of the last bytes. */
  #heardAt = 0;
  /** Time of the first bytes of the reply that is due. */
  #beganAt: number | undefined;
  #latencyMs = 0;
  /** Number of parts of replies that arrived after the first part. */
  pieces = 0;

  /**
   * @param sendMaxMs maximum time, in ms, that a command can be in flight; after this time, its caller no longer waits
   */
  constructor(sendMaxMs: number) {
    this.#sendMaxMs = sendMaxMs;
  }

  get isIdle(): boolean {
    return this.#sent === this.#settled;
  }

  /** Typical time to the first bytes of a reply, in ms. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  /** Time of the last bytes; 0: none so far. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Must be called before a command is sent. @param waitMs how long the server may stay silent, in ms */
  began(at: number, waitMs: number): void {
    if (this.isIdle) {
      this.#dueSince = at;
      this.#beganAt = undefined;
    }
    if (waitMs > 0) this.#allowances.push({ number: this.#sent, waitMs, sendMs: 0 });
    this.#sent += 1;
  }

  /** Sets the size of the most recently begun command. */
  sized(bytes: number): void {
    if (bytes < LARGE_BYTES) return;
    const sendMs = Math.min(bytes / SLOWEST_BYTES_PER_MS, this.#sendMaxMs);
    const number = this.#sent - 1;
    const last = this.#allowances.at(-1);
    if (last?.number === number) this.#allowances[this.#allowances.length - 1] = { ...last, sendMs };
    else this.#allowances.push({ number, waitMs: 0, sendMs });
  }

  /** Must be called when bytes have arrived. */
  heard(): void {
    this.#heardAt = now();
    if (this.#beganAt === undefined) this.#beganAt = this.#heardAt;
    else this.pieces += 1;
  }

  /** Must be called when a reply is complete, or will not arrive. */
  settled(sentAt: number): void {
    const at = now();
    const hasAllowance = this.#allowance !== NONE;
    while (this.#allowances[0] !== undefined && this.#allowances[0].number <= this.#settled)
      this.#allowances.shift();
    if (!hasAllowance) this.#measure((this.#beganAt ?? at) - sentAt);
    this.#settled += 1;
    this.#dueSince = at;
    this.#beganAt = undefined;
  }

  #measure(ms: number): void {
    if (this.#latencyMs === 0) this.#latencyMs = ms;
    else this.#latencyMs += (ms - this.#latencyMs) / 8;
  }

  /** Returns the silence while a reply is due, excluding the time that WAIT may take, in ms. */
  silentMs(at: number): number {
    if (this.isIdle) return 0;
    const { waitMs } = this.#allowance;
    return Math.max(0, at - Math.max(this.#dueSince, this.#heardAt) - waitMs);
  }

  /** Like `silentMs`, but also excludes the time to send a large command. */
  owedMs(at: number): number {
    return Math.max(0, this.silentMs(at) - this.#allowance.sendMs);
  }

  /** Whether a part of the reply that is due has arrived, and the last bytes are at most `silentMs` old. */
  isArriving(at: number, silentMs: number): boolean {
    return !this.isIdle && this.#beganAt !== undefined && this.silentMs(at) <= silentMs;
  }

  /** Whether the command that is due may still be in transit. */
  isSending(at: number): boolean {
    return this.#allowance.sendMs > 0 && this.silentMs(at) < this.#allowance.sendMs;
  }

  /** Excludes time during which this process was stalled and could not read. */
  forgive(ms: number, at: number): void {
    this.#dueSince = Math.min(at, Math.max(this.#dueSince, this.#heardAt) + ms);
  }

  get #allowance(): Allowance {
    const first = this.#allowances[0];
    return first?.number === this.#settled ? first : NONE;
  }
}

const NONE: Allowance = { number: -1, waitMs: 0, sendMs: 0 };
