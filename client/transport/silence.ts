import type { ResolvedConnection } from '../options/connection-options.ts';
import { DOUBT_MS } from './master-election.ts';
import { now } from './timing.ts';

/** A node that usually takes so many times less is waited for. */
const LATENCY_FACTOR = 4;
/** The most that a slow network adds, where commands do not have more time anyway. */
const SLOW_MAX_MS = 1000;

export class Silence {
  readonly #options: Pick<ResolvedConnection, 'hangSuspectedMs' | 'commandTimeoutMs'>;
  #since: number | undefined;
  #isSuspected = false;
  /** When it was first seen to be over. */
  #calmAt: number | undefined;

  constructor(options: Pick<ResolvedConnection, 'hangSuspectedMs' | 'commandTimeoutMs'>) {
    this.#options = options;
  }

  /** undefined: the master is trusted. */
  get since(): number | undefined {
    return this.#since;
  }

  get isSuspected(): boolean {
    return this.#isSuspected;
  }

  /** For how long the master may owe an answer. */
  toleratedMs(latencyMs: number): number {
    return Math.max(this.#options.hangSuspectedMs, this.#slowMs(latencyMs));
  }

  /** After so long another may be master. */
  doubtedAfterMs(latencyMs: number): number {
    return Math.max(DOUBT_MS, this.#slowMs(latencyMs));
  }

  /** After so long another connection to the same node takes the place of the silent one. */
  get replacedAfterMs(): number {
    const { hangSuspectedMs, commandTimeoutMs } = this.#options;
    return Math.max(hangSuspectedMs, Math.min(commandTimeoutMs, SLOW_MAX_MS));
  }

  #slowMs(latencyMs: number): number {
    return Math.min(latencyMs * LATENCY_FACTOR, Math.max(SLOW_MAX_MS, this.#options.commandTimeoutMs));
  }

  begin(since: number, isSuspected: boolean): void {
    this.#since ??= since;
    this.#isSuspected ||= isSuspected;
    this.#calmAt = undefined;
  }

  end(): void {
    this.#since = undefined;
    this.#isSuspected = false;
    this.#calmAt = undefined;
  }

  /** It goes on after all. */
  resume(): void {
    this.#calmAt = undefined;
  }

  /** The master answers again: since when. */
  calm(at: number): number {
    this.#calmAt ??= at;
    return this.#calmAt;
  }

  /** It was so long that the replicas have to be heard before its answers count. */
  isLong(at: number): boolean {
    return this.#since !== undefined && (this.#calmAt ?? at) - this.#since > DOUBT_MS;
  }

  /** How long it was, or is. */
  get ms(): number {
    return this.#since === undefined ? 0 : (this.#calmAt ?? now()) - this.#since;
  }
}
