/**
 * Progress of one connection: how long the node has been silent while it owes a reply.
 *
 *   sent ─▶ due, once all earlier replies have arrived ─▶ first bytes ─▶ more bytes … ─▶ settled
 *
 * Arriving bytes are progress, however long the whole reply takes: slow is not hung. Sending gives no such sign, because the kernel
 * accepts bytes long before the node has them: a large command may be silent for as long as its bytes take on a slow network, and
 * WAIT for as long as its timeout. Replies arrive in the order of the commands, so only the one that is due counts.
 */
import { now } from './timing.ts';

/** A line that carries less than this is too slow for values of this size: 1 MB/s, a fifth of what was reported as slow. */
const SLOWEST_BYTES_PER_MS = 1000;
/** Smaller commands take no time to send: 16 ms at the slowest. */
const LARGE_BYTES = 16_384;

interface Allowance {
  /** The command's, counted from the first on this connection. */
  readonly number: number;
  /** How long the server may rightly wait with the answer. */
  readonly waitMs: number;
  /** How long the command itself may be on its way. */
  readonly sendMs: number;
}

export class Progress {
  readonly #sendMaxMs: number;
  readonly #allowances: Allowance[] = [];
  #sent = 0;
  #settled = 0;
  /** Since when the answer that is due now has been. */
  #dueSince = 0;
  /** When the last bytes came. */
  #heardAt = 0;
  /** When the first bytes of the answer that is due came. */
  #beganAt: number | undefined;
  #latencyMs = 0;
  /** Grows with each piece of an answer that comes in several. */
  pieces = 0;

  /** @param sendMaxMs longest that a command may be on its way: its caller waits no longer */
  constructor(sendMaxMs: number) {
    this.#sendMaxMs = sendMaxMs;
  }

  get isIdle(): boolean {
    return this.#sent === this.#settled;
  }

  /** Typical time to the first bytes of an answer. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  /** When the last bytes came; 0: none have. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** To be called before a command is sent. @param waitMs how long the server may rightly stay silent */
  began(at: number, waitMs: number): void {
    if (this.isIdle) {
      this.#dueSince = at;
      this.#beganAt = undefined;
    }
    if (waitMs > 0) this.#allowances.push({ number: this.#sent, waitMs, sendMs: 0 });
    this.#sent += 1;
  }

  /** The command that began last has so many bytes. */
  sized(bytes: number): void {
    if (bytes < LARGE_BYTES) return;
    const sendMs = Math.min(bytes / SLOWEST_BYTES_PER_MS, this.#sendMaxMs);
    const number = this.#sent - 1;
    const last = this.#allowances.at(-1);
    if (last?.number === number) this.#allowances[this.#allowances.length - 1] = { ...last, sendMs };
    else this.#allowances.push({ number, waitMs: 0, sendMs });
  }

  /** Bytes have come. */
  heard(): void {
    this.#heardAt = now();
    if (this.#beganAt === undefined) this.#beganAt = this.#heardAt;
    else this.pieces += 1;
  }

  /** An answer has come, or will not. */
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

  /** How long nothing has come although something is due; what WAIT may take does not count. */
  silentMs(at: number): number {
    if (this.isIdle) return 0;
    const { waitMs } = this.#allowance;
    return Math.max(0, at - Math.max(this.#dueSince, this.#heardAt) - waitMs);
  }

  /** As `silentMs`; nor does the time that a large command takes to be sent. */
  owedMs(at: number): number {
    return Math.max(0, this.silentMs(at) - this.#allowance.sendMs);
  }

  /** A part of the answer that is due has come, and the last bytes are not older than that. */
  isArriving(at: number, silentMs: number): boolean {
    return !this.isIdle && this.#beganAt !== undefined && this.silentMs(at) <= silentMs;
  }

  /** The command that is due may still be on its way. */
  isSending(at: number): boolean {
    return this.#allowance.sendMs > 0 && this.silentMs(at) < this.#allowance.sendMs;
  }

  /** For so long this process stood still, until now: the node could not be heard. */
  forgive(ms: number, at: number): void {
    this.#dueSince = Math.min(at, Math.max(this.#dueSince, this.#heardAt) + ms);
  }

  get #allowance(): Allowance {
    const first = this.#allowances[0];
    return first?.number === this.#settled ? first : NONE;
  }
}

const NONE: Allowance = { number: -1, waitMs: 0, sendMs: 0 };
