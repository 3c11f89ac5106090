/** Generates looks for the judge tests. Each look adds the same increments per arm. */
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { step } from '../../canary/judge/step.ts';
import type {
  ArmCounts,
  ArmUsers,
  Decision,
  JudgeState,
  LookEvent,
  RedisFacts,
  Rules,
} from '../../canary/judge/types.ts';
import { loadCanary } from '../../config/canary.ts';
import { bucketOf } from '../../harness/statistics/histogram.ts';

export interface ArmLook {
  readonly requests?: number;
  readonly failures?: number;
  readonly hits?: number;
  /** Number of requests that take 500 ms; the others take 10 ms. */
  readonly slow?: number;
  readonly seen?: number;
  readonly affected?: number;
}

export interface Pair {
  readonly canary: ArmLook;
  readonly control: ArmLook;
  readonly redis?: Partial<LookEvent['redis']>;
  readonly processes?: number;
}

const NO_FACTS: RedisFacts = {
  memoryRatio: null,
  evictedKeys: null,
  rejectedConnections: null,
  pingMs: null,
};

const { flag, rollout, judge, guard, metrics } = loadCanary();
/** The default rules with a single comparison stage of 10 % before 50 %. */
export const RULES: Rules = { flag, rollout: { ...rollout, stages: [10, 50, 100] }, judge, guard, metrics };

/** A healthy look: 100 canary requests and 900 control requests, with 1 % errors each. */
export const HEALTHY: Pair = {
  canary: { requests: 100, failures: 1, hits: 90, slow: 3, seen: 10, affected: 1 },
  control: { requests: 900, failures: 9, hits: 0, slow: 27, seen: 90, affected: 9 },
};

/** Accumulates looks, as the counters in Redis do. */
export class Rollout {
  state: JudgeState = INITIAL_STATE;
  readonly decisions: Decision[] = [];
  readonly events: LookEvent[] = [];
  readonly #rules: Rules;
  #atMs = 0;

  constructor(rules: Rules = RULES) {
    this.#rules = rules;
  }

  look(pair: Pair): Decision {
    this.#atMs += this.#rules.judge.lookMs;
    const { arms, users, generation, window } = this.state;
    const event: LookEvent = {
      type: 'look',
      atMs: this.#atMs,
      generation,
      window,
      arms: { canary: grown(arms.canary, pair.canary), control: grown(arms.control, pair.control) },
      users: {
        canary: grownUsers(users.canary, pair.canary),
        control: grownUsers(users.control, pair.control),
      },
      redis: { ...NO_FACTS, ...pair.redis },
      processes: pair.processes ?? 4,
    };
    this.events.push(event);
    const { state, decision } = step(this.#rules, this.state, event);
    this.state = state;
    this.decisions.push(decision);
    return decision;
  }

  clear(by: string): Decision {
    const { state, decision } = step(this.#rules, this.state, { type: 'clear', atMs: this.#atMs, by });
    this.state = state;
    return decision;
  }

  /**
   * Repeats a look until the verdict occurs, and returns the number of looks. @throws Error if the limit is exceeded
   */
  until(verdict: Decision['verdict'], pair: Pair, limit = 400): number {
    for (let n = 1; n <= limit; n++) if (this.look(pair).verdict === verdict) return n;
    throw new Error(
      `no ${verdict} within ${limit} looks; the last: ${this.decisions.at(-1)?.reasons.join('; ')}`,
    );
  }
}

function grown(arm: ArmCounts, { requests = 0, failures = 0, hits = 0, slow = 0 }: ArmLook): ArmCounts {
  const latency = [...arm.latency];
  const add = (ms: number, count: number) => {
    const bucket = bucketOf(ms);
    while (latency.length <= bucket) latency.push(0);
    latency[bucket] = (latency[bucket] ?? 0) + count;
  };
  add(10, requests - slow);
  add(500, slow);
  return {
    requests: arm.requests + requests,
    failures: arm.failures + failures,
    hits: arm.hits + hits,
    misses: arm.misses + requests - hits,
    latency,
  };
}

function grownUsers(users: ArmUsers, { seen = 0, affected = 0 }: ArmLook): ArmUsers {
  return { seen: users.seen + seen, affected: users.affected + affected };
}
