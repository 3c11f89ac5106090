import type { ResolvedConnection } from '../options/connection-options.ts';
import { DOUBT_MS } from './master-election.ts';
import { now } from './timing.ts';

/** Allowed silence as a multiple of the usual latency. */
const LATENCY_FACTOR = 4;
/** Maximum time, in ms, that is added for a slow network, unless commands have a longer timeout. */
const SLOW_MAX_MS = 1000;

export class Silence {
  readonly #options: Pick<ResolvedConnection, 'hangSuspectedMs' | 'commandTimeoutMs'>;
  #since: number | undefined;
  #isSuspected = false;
  /** Time at which the end of the silence was first observed. */
  #calmAt: number | undefined;

  constructor(options: Pick<ResolvedConnection, 'hangSuspectedMs' | 'commandTimeoutMs'>) {
    this.#options = options;
  }

  /** Start of the silence; undefined if the master is not silent. */
  get since(): number | undefined {
    return this.#since;
  }

  get isMasterTrusted(): boolean {
    return this.#since === undefined;
  }

  get isSuspected(): boolean {
    return this.#isSuspected;
  }

  /** Returns the allowed silence of the master while a reply is due, in ms. */
  toleratedMs(latencyMs: number): number {
    return Math.max(this.#options.hangSuspectedMs, this.#slowMs(latencyMs));
  }

  /** Returns the silence, in ms, after which another node may be master. */
  doubtedAfterMs(latencyMs: number): number {
    return Math.max(DOUBT_MS, this.#slowMs(latencyMs));
  }

  /** Silence, in ms, after which another connection to the same node replaces the silent one. */
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

  /** Reports that the silence continues. */
  resume(): void {
    this.#calmAt = undefined;
  }

  /** Returns the time at which the master began to reply again. */
  calm(at: number): number {
    this.#calmAt ??= at;
    return this.#calmAt;
  }

  /** Whether the silence was so long that the replicas must be queried before replies are accepted. */
  isLong(at: number): boolean {
    return this.#since !== undefined && (this.#calmAt ?? at) - this.#since > DOUBT_MS;
  }

  /** Duration of the silence, in ms. */
  get ms(): number {
    return this.#since === undefined ? 0 : (this.#calmAt ?? now()) - this.#since;
  }
}
