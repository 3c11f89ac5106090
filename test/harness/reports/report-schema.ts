/**
 * `report/3` as a schema: the format of `report.json`, for programs that read it. `docs/report.schema.json` is
 * generated from this schema. The types at the end compare the schema with `Report`: if only one of them has a field,
 * the code does not compile.
 *
 * A new optional field does not require a new version. Removing a field, or changing its meaning, does.
 */
import { z } from 'zod';
import type { Report } from '../../../harness/reports/report.ts';

const text = (description: string) => z.string().describe(description);
const count = (description: string) => z.int().min(0).describe(description);
const number = (description: string) => z.number().describe(description);
const sha256 = z.string().describe('SHA-256, hexadecimal');
const ms = (description: string) => z.number().min(0).describe(`${description}, in milliseconds`);

const distribution = z
  .strictObject({
    min: z.number(),
    p50: z.number(),
    p95: z.number(),
    p99: z.number(),
    max: z.number(),
    mean: z.number(),
  })
  .describe('Exact order statistics over all samples');

const run = z.strictObject({
  schema: z.literal('redis-cache-kit/run/2'),
  runId: text('Name of the run folder'),
  kind: z
    .enum(['readiness', 'drill', 'load', 'capacity', 'canary', 'rehearsal'])
    .describe('Requested run: everything (readiness), or some drills'),
  kitVersion: z.string(),
  commit: z.string().nullable().describe("Commit of the kit's checkout; null outside one"),
  startedAt: text('ISO 8601, UTC'),
  judgedAt: text(
    'The time that judging uses (waivers expire by it); never the wall clock of a later analysis',
  ),
  environment: z.string(),
  substrate: z.string(),
  profile: z
    .enum(['quick', 'full'])
    .describe('quick claims no more than "n of n observed"; full claims bounds'),
  seed: z.number(),
  argv: z.array(z.string()).describe('The command line'),
  configSha256: sha256,
  provenance: z.record(z.string(), z.string()).describe('Versions and probed features'),
  extensions: z
    .array(z.strictObject({ name: z.string(), path: z.string(), sha256 }))
    .describe('Extension modules of the run')
    .exactOptional(),
  deviations: z.array(z.string()).describe('Settings that the machine or the binary does not support'),
  machine: z.strictObject({
    kernel: z.string(),
    cpu: z.string(),
    cores: z.number(),
    memoryBytes: z.number(),
  }),
  incomplete: text('Why the run was interrupted; such a run is never a GO').exactOptional(),
});

const states = ['PASS', 'FAIL', 'INSUFFICIENT', 'INVALID', 'NOT_MEASURED', 'WAIVED', 'OUT_OF_SCOPE'] as const;

const criterion = z.strictObject({
  id: z.string(),
  title: z.string(),
  source: text('Source: a row of the mission or a section of a seed'),
  state: z
    .enum(states)
    .describe(
      'FAIL: no-go. INSUFFICIENT (too few trials for the claim), INVALID (generator, machine or workload unsound) and NOT_MEASURED: not known. Only PASS and an unexpired WAIVED let a GO through. OUT_OF_SCOPE is not judged',
    ),
  reason: text('Reason of the state; for PASS the claim'),
  remedy: text('Remedy: another setting for FAIL, another measurement if it was not judged'),
  waiver: z
    .strictObject({
      owner: text('Responsible person or team'),
      reason: text('Why the criterion is waived'),
      expires: text('Last day on which it applies, UTC'),
      status: z
        .enum(['in-force', 'expired', 'too-long'])
        .describe('too-long: it expires more than 30 days after the judgement and is not applied'),
    })
    .describe('Applied where the state is WAIVED')
    .exactOptional(),
  override: z
    .strictObject({
      owner: text('Responsible person or team'),
      reason: text('Why the gate is overridden'),
      file: text('File of the override'),
      fields: z.array(z.string()).describe('Changed fields of the gate'),
      target: z
        .strictObject({ op: z.enum(['<', '<=', '>', '>=', '==']), value: z.number() })
        .describe('Shipped target'),
      unit: text('Unit of the shipped target'),
    })
    .describe('Override of a built-in gate')
    .exactOptional(),
  unsupported: z
    .literal(true)
    .describe('OUT_OF_SCOPE although it was requested: the machine or the substrate cannot run its drills')
    .exactOptional(),
  scope: z.strictObject({
    environments: z.array(z.string()),
    substrates: z.array(z.string()),
    profiles: z.array(z.string()),
    workload: z.string(),
    sli: z.string(),
  }),
  target: z.strictObject({ op: z.enum(['<', '<=', '>', '>=', '==']), value: z.number() }),
  unit: text('Of measured, target and bound; `ratio` is 0 to 1'),
  measured: z.number().nullable().describe('null: nothing was measured'),
  n: count('Observations behind the value'),
  minN: count('Observations that the gate requires'),
  bound: z
    .strictObject({
      kind: z.enum(['upper', 'lower']),
      value: z.number(),
      confidence: z.number(),
      method: text('clopper-pearson, order-statistic'),
    })
    .nullable()
    .describe('A bound with its confidence, where a claim is made'),
  attempts: z
    .strictObject({
      rounds: count(
        'Rounds of measurement until the planned number of trials had a sound machine; all rounds if it was never reached',
      ),
      leftOut: count('Trials left out because the machine was too busy'),
    })
    .describe('Absent where the criterion is not judged by trials')
    .exactOptional(),
  evidence: z.array(z.strictObject({ path: text('Relative to the run folder'), sha256 })),
});

const verdict = z.strictObject({
  decision: z
    .enum(['GO', 'CONDITIONAL_GO', 'NO_GO', 'UNKNOWN'])
    .describe('CONDITIONAL_GO: a go that depends on waivers in force; exit code 0'),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(3)]),
  action: z
    .enum(['enable', 'keep-disabled', 'deploy-with-breaker'])
    .nullable()
    .describe('Null in a run that requests less than readiness'),
  advice: z.array(z.string()).describe('The action in words, with the settings to use'),
  counts: z.strictObject({
    PASS: count('criteria'),
    FAIL: count('criteria'),
    INSUFFICIENT: count('criteria'),
    INVALID: count('criteria'),
    NOT_MEASURED: count('criteria'),
    WAIVED: count('criteria'),
    OUT_OF_SCOPE: count('criteria'),
  }),
  criteria: z.array(criterion),
});

const bin = z.strictObject({
  tMs: number('Start of the bin since the start of the workload, in milliseconds'),
  ok: count('Answered'),
  failed: count('Certainly not applied'),
  info: count('Outcome unknown'),
  p50Ms: z.number().nullable().describe('From the intended start; null if nothing completed'),
  p99Ms: z.number().nullable(),
  hits: count('Reads that returned a value'),
  misses: count('Reads that returned no value'),
});

const optionalMs = (description: string) =>
  z.number().min(0).nullable().describe(`${description}, in milliseconds`);
const optionalRatio = (description: string) =>
  z.number().min(0).nullable().describe(`${description}, 0 to 1`);

const machine = z
  .strictObject({
    latenessP99Ms: optionalMs('Lateness of the sends of the generator, p99; null in a scripted drill'),
    latenessMaxMs: optionalMs('Lateness of the sends of the generator, longest'),
    timerP99Ms: optionalMs('Lateness of timers of an idle thread, p99'),
    timerMaxMs: optionalMs('Lateness of timers of an idle thread, longest'),
    controlP50Ms: optionalMs('Round trip of a bare PING to the master, p50'),
    controlP99Ms: optionalMs('Round trip of a bare PING to the master, p99'),
    controlMachineP99Ms: optionalMs('Part of that round trip that the machine added, p99'),
    diskMaxMs: optionalMs('Longest bare fsync'),
    waitServerMaxMs: optionalMs('Longest wait of a server for a CPU within 100 ms'),
    waitHarnessMaxMs: optionalMs('Longest wait of a thread of the harness for a CPU within 100 ms'),
    waitClientMaxMs: optionalMs('Longest wait of the client for a CPU within 100 ms'),
    loopGeneratorMaxMs: optionalMs("Longest delay of the generator's event loop, including its own work"),
    loopClientMaxMs: optionalMs("Longest delay of the client's event loop, including its own work"),
    stealRatio: optionalRatio('Share of CPU time that the hypervisor gave to other machines'),
    othersRatio: optionalRatio('Share of CPU time used by other programs'),
    runnablePerCore: z
      .number()
      .min(0)
      .nullable()
      .describe('Threads per core that run or wait for a CPU, mean'),
    pressureRatio: optionalRatio('Share of the time in which some thread waited for a CPU'),
    load: z.number().min(0).nullable().describe('Load average of the last minute, largest'),
    unsampled: z.array(z.string()).describe('Signals that the system does not provide'),
    leftOutOf: z
      .array(z.string())
      .describe('Criteria for which the trial is left out because the machine was too busy'),
  })
  .describe(
    'The machine during the trial, from samples of a separate thread; null: the system does not provide it',
  );

const canaryArm = z.strictObject({
  requests: count('Requests'),
  errorRatio: optionalRatio('Failed requests'),
  p50Ms: optionalMs('Upper bound of the response time, p50'),
  p95Ms: optionalMs('Upper bound of the response time, p95'),
  hitRatio: optionalRatio('Hits over lookups'),
  users: count('Distinct users'),
  affectedUsers: count('Distinct users with a failed request'),
});

const canaryRollout = z.strictObject({
  limits: z
    .strictObject({ users: z.number(), slow: z.number() })
    .describe('E-values of a rollback: one for users with errors, one for slow requests'),
  looks: z.array(
    z.strictObject({
      atMs: ms("Time since the start of the rollout, by the drill's clock"),
      decision: z.strictObject({
        verdict: z.enum(['hold', 'promote', 'rollback', 'pause', 'resume', 'clear']),
        share: z.number().describe('Share of the users in the canary from now on, 0 to 1'),
        status: z.enum(['running', 'paused', 'rolled-back']),
        reasons: z.array(z.string()),
        figures: z
          .strictObject({
            canary: canaryArm,
            control: canaryArm,
            evidence: z
              .strictObject({ requests: z.number(), users: z.number(), slow: z.number() })
              .describe('E-values against the canary'),
            errorDeltaUpper: number('Upper bound of the difference of the error ratios'),
            slowDeltaUpper: number('Upper bound of the difference of the shares of slow requests'),
          })
          .nullable()
          .describe('null: decided by an operator'),
      }),
    }),
  ),
});

const trial = z.strictObject({
  drill: z.string(),
  title: z.string(),
  family: z.enum(['integration', 'failover', 'load', 'capacity']),
  safeOutcome: text('Condition that must hold regardless of timing'),
  trial: z.number(),
  round: z
    .int()
    .min(2)
    .describe('Absent: 1. Later rounds repeat trials in which the machine was too busy')
    .exactOptional(),
  status: z.enum(['completed', 'not-measured', 'failed']),
  reason: text('Why it was not completed').exactOptional(),
  durationMs: ms('Elapsed time of the trial; 0 for one that spans the run'),
  binMs: ms('Width of a bin'),
  timelines: z.record(z.string(), z.array(bin)).describe('By client: `kit`, `ioredis`'),
  faults: z
    .array(
      z.strictObject({
        fault: z.string(),
        node: z.string(),
        fromMs: z.number(),
        toMs: z.number().nullable(),
      }),
    )
    .describe('From the observed injection to the observed healing, on the clock of the bins'),
  marks: z.array(z.strictObject({ label: z.string(), tMs: z.number() })),
  masters: z
    .array(z.strictObject({ node: z.string(), fromMs: z.number(), toMs: z.number().nullable() }))
    .exactOptional()
    .describe('Spans in which a node reported role master; failover drills only, at most 100'),
  events: z
    .array(
      z.strictObject({
        tMs: z.number(),
        node: z.string(),
        source: z.enum(['fault', 'sentinel']),
        label: z.string(),
        detail: z.string(),
      }),
    )
    .exactOptional()
    .describe('Injected and healed faults and Sentinel events, in order; failover drills only, at most 120'),
  latencies: z.array(
    z.strictObject({
      client: z.string(),
      kind: z.string(),
      n: count('Completed operations'),
      distribution,
      histogram: z
        .array(z.strictObject({ upToMs: z.number(), count: count('Operations') }))
        .describe('Fixed logarithmic buckets by their upper bound'),
    }),
  ),
  expectations: z
    .array(z.strictObject({ what: z.string(), expected: z.string(), actual: z.string(), held: z.boolean() }))
    .describe('Of scripted drills'),
  machine: machine.describe('Absent where the machine was not sampled').exactOptional(),
  canary: canaryRollout
    .describe('Decisions of a canary rollout, in order; the canary-rollback drill only, at most 500')
    .exactOptional(),
});

const comparison = z.strictObject({
  drill: z.string(),
  client: z.string(),
  trials: count('Trials'),
  writeGapMs: z.strictObject({ min: z.number(), median: z.number(), max: z.number() }).nullable(),
  acknowledged: count('Acknowledged writes'),
  acknowledgedLost: count('Number of these that are on no node after the heal'),
  durableLost: z.int().min(0).nullable().describe('Durable writes lost; null where the client has none'),
  appliedTwice: count('INCRs and APPENDs that took effect more than once'),
  longerThan1s: count('Operations that took longer than a second'),
  deadClients: count('Clients that never answered again after the heal'),
});

export const reportSchema = z
  .strictObject({
    schema: z.literal('redis-cache-kit/report/3'),
    run: run.describe('The run: the manifest without the list of trials'),
    verdict,
    comparison: z.array(comparison).describe('Our client and the stock one under the same faults'),
    trials: z.array(trial),
    benchmarks: z.array(
      z.strictObject({
        title: z.string(),
        rows: z.array(z.strictObject({ label: z.string(), value: z.string() })),
      }),
    ),
    integrity: z
      .strictObject({ missing: z.array(z.string()), altered: z.array(z.string()) })
      .describe('Files that are missing or differ from the seal, relative to the run folder'),
  })
  .meta({ title: 'redis-cache-kit report, version 3' });

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

/** Does not compile if the schema and the type differ. */
export const schemaIsTheType: Same<DeepReadonly<z.output<typeof reportSchema>>, DeepReadonly<Report>> = true;

/** JSON Schema, draft 2020-12: the content of `docs/report.schema.json`. */
export function reportJsonSchema(): object {
  return { $id: 'urn:redis-cache-kit:report:3', ...z.toJSONSchema(reportSchema) };
}
