/**
 * Canary rollout of a cache feature in one process; any number of processes share it through Redis.
 *
 *   isEnabled(user) ─▶ hash and share in memory: no command
 *   record(user, …) ─▶ counts in memory ─flush every few seconds─▶ Redis ◀─ evaluate, adjust: judge all processes ─▶ share
 *                                        └─▶ the same batch reads the share back
 *
 * No user is in the canary until the share has been read once. While Redis is unreachable, the last known share
 * applies.
 */
import type { Cache } from '../client/index.ts';
import type { MetricFamily } from '../client/types.ts';
import { type CanaryConfig, loadCanary } from '../config/canary.ts';
import { type Arm, armOfHash, hashOf } from './assignment/assignment.ts';
import { environmentFlags, type FlagSource, type Flags } from './flags.ts';
import { step } from './judge/step.ts';
import type { Decision } from './judge/types.ts';
import type { Head } from './log/entry.ts';
import type { Outcome } from './metrics/arm-counter.ts';
import { canaryFamilies } from './metrics/families.ts';
import { canaryKeys } from './metrics/keys.ts';
import { Reporter } from './metrics/reporter.ts';
import { namespaceOf } from './namespace.ts';
import { Rollout } from './rollout.ts';

export type { Outcome };

export interface CanaryOptions {
  /**
   * Cache in the Redis database that the canary uses, opened with `patternCacheOptions`. It stays open when the service
   * closes.
   */
  readonly cache: Cache;
  /** Settings of the canary; default: `config/canary.yaml`. */
  readonly config?: CanaryConfig;
  /** Source of the switches; default: the variables `ENABLE_REDIS_CACHE` and `ENABLE_PATTERN_CACHE`. */
  readonly flags?: FlagSource;
  /**
   * Whether this process also runs the judge, every `judge.lookMs`. One such process is enough; more than one is
   * harmless. Default false.
   */
  readonly judges?: boolean;
  /** Returns the Unix time in ms; default: `Date.now`. */
  readonly now?: () => number;
  /**
   * Receives errors that occur in timers, such as an unreachable Redis, a damaged log or an invalid variable. Default:
   * errors are ignored.
   */
  readonly onError?: (error: unknown) => void;
  /** Receives every decision recorded by this process. */
  readonly onDecision?: (decision: Decision) => void;
}

/**
 * Arm of a user at the time of a request. If the assignment is recorded with the request, the request stays in its arm
 * even if the share changes in the meantime.
 */
export interface Assignment {
  /** `off`: a switch is off or the share is unknown; the request is not counted. */
  readonly arm: Arm | 'off';
  readonly hash: number;
  readonly generation: number;
}

export interface CanaryStatus {
  readonly flag: string;
  readonly flags: Flags;
  /** Null before the first look. */
  readonly head: Head | null;
  /** Texts of the log entries that changed the share, in order. */
  readonly changes: readonly string[];
}

export class CanaryTestingService implements AsyncDisposable {
  readonly config: CanaryConfig;
  readonly #flags: FlagSource;
  readonly #reporter: Reporter;
  readonly #rollout: Rollout;
  readonly #onError: (error: unknown) => void;
  readonly #onDecision: (decision: Decision) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #switches: Flags = { redisCache: false, patternCache: false };
  #busy = false;
  #closed = false;

  private constructor(options: CanaryOptions, flags: FlagSource) {
    const { cache, config = loadCanary(), now = Date.now } = options;
    const { connection } = cache;
    if (connection === undefined) {
      throw new TypeError(
        'cache: must be a cache that uses Redis, got a memory cache (is ENABLE_REDIS_CACHE true?)',
      );
    }
    this.config = config;
    this.#flags = flags;
    this.#onError = options.onError ?? (() => {});
    this.#onDecision = options.onDecision ?? (() => {});
    const keys = canaryKeys(namespaceOf(cache), config.flag);
    this.#reporter = new Reporter(connection, keys, config.metrics, now);
    this.#rollout = new Rollout(connection.call.bind(connection), keys, config, now);
  }

  /**
   * Starts the timers for flushes and, with `judges`, for looks. Reads the switches and the share before it returns. If
   * Redis is unreachable, the service opens anyway, and no user is in the canary.
   *
   * @throws KitError `CONFIG_INVALID` if the settings are invalid; TypeError if the cache is a memory cache
   */
  static async open(options: CanaryOptions): Promise<CanaryTestingService> {
    const flags = options.flags ?? environmentFlags();
    const switches = await flags.read();
    const service = new CanaryTestingService(options, flags);
    service.#switches = switches;
    await service.refresh().catch(service.#onError);
    const { metrics, judge } = service.config;
    service.#every(metrics.flushMs, () => service.#tick());
    if (options.judges === true) service.#every(judge.lookMs, () => service.#look());
    return service;
  }

  /** Whether the user or session is served with the pattern cache. Sends no command and never throws. */
  isEnabled(id: string): boolean {
    return this.assign(id).arm === 'canary';
  }

  /** Returns the arm of the user or session, to pass to `record`. */
  assign(id: string): Assignment {
    const control = this.#reporter.control;
    const hash = hashOf(this.config.flag, id);
    if (control === undefined || !this.#isOn()) return { arm: 'off', hash, generation: 0 };
    return { arm: armOfHash(hash, control.share), hash, generation: control.generation };
  }

  /** Counts a request, in memory. @throws TypeError if `ms` is not a finite number */
  record(user: string | Assignment, outcome: Outcome): void {
    if (!Number.isFinite(outcome.ms))
      throw new TypeError(`ms: must be the duration of the request in milliseconds, got ${outcome.ms}`);
    const { arm, hash, generation } = typeof user === 'string' ? this.assign(user) : user;
    if (arm !== 'off') this.#reporter.record(arm, hash, generation, outcome);
  }

  /** Judges the current counts without recording or changing anything. @throws CacheError if Redis does not reply */
  async evaluate(): Promise<Decision> {
    const { head, look } = await this.#rollout.observe();
    return step(head.rules, head.state, look).decision;
  }

  /**
   * Judges the current counts, records the decision and applies it: every process reads the share with its next flush.
   * If another process judged in the meantime, the decision of that process is returned.
   *
   * @throws CacheError if Redis does not reply
   */
  async adjust(): Promise<Decision> {
    const decision = await this.#rollout.look();
    await this.refresh();
    return decision;
  }

  /**
   * Clears the rollback latch: the rollout starts again at the first stage.
   * @param by name of the operator, for the log
   */
  async clearRollback(by: string): Promise<Decision> {
    const decision = await this.#rollout.clear(by);
    await this.refresh();
    return decision;
  }

  /** Sends the counts of this process now, and reads the share. @throws CacheError if Redis does not reply */
  async flush(): Promise<void> {
    await this.#reporter.flush();
  }

  /** Reads the share. @throws CacheError if Redis does not reply */
  async refresh(): Promise<void> {
    await this.#reporter.readControl();
    if (this.#reporter.control === undefined) this.#reporter.accept(await this.#rollout.begin());
  }

  /** Returns the state of the rollout. @throws CacheError if Redis does not reply */
  async status(): Promise<CanaryStatus> {
    return {
      flag: this.config.flag,
      flags: this.#switches,
      head: (await this.#rollout.head()) ?? null,
      changes: await this.#rollout.changes(),
    };
  }

  /**
   * Returns the texts of the retained log entries, in order, for `replay`.
   *
   * @throws CacheError if Redis does not reply
   */
  logLines(): Promise<readonly string[]> {
    return this.#rollout.lines();
  }

  /**
   * Returns the metrics `cache_canary_share` and `cache_canary_paused`, for `collectMetrics` and `registerMetrics`.
   * Sends no command.
   */
  families(): readonly MetricFamily[] {
    return canaryFamilies(this.config.flag, this.#reporter.control);
  }

  /** Number of commands that this process has sent to report its counts. */
  get commands(): number {
    return this.#reporter.commands;
  }

  /**
   * Stops the timers and sends the last counts. The cache stays open. Idempotent.
   * @throws CacheError if the counts could not be sent
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    await this.#reporter.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #isOn(): boolean {
    return this.#switches.redisCache && this.#switches.patternCache;
  }

  #every(ms: number, act: () => Promise<void>): void {
    const timer = setInterval(() => void act().catch(this.#onError), ms);
    timer.unref();
    this.#timers.push(timer);
  }

  async #tick(): Promise<void> {
    try {
      this.#switches = await this.#flags.read();
    } catch (error) {
      this.#onError(error);
    }
    await this.#reporter.flushIfDue();
  }

  async #look(): Promise<void> {
    if (this.#busy || !this.#isOn()) return;
    this.#busy = true;
    try {
      const decision = await this.#rollout.lookIfDue();
      if (decision !== undefined) this.#onDecision(decision);
    } finally {
      this.#busy = false;
    }
  }
}
