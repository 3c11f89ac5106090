/**
 * Schema of `config/gates.yaml`: the criteria of a verdict, with target, scope and minimum number of observations.
 *
 * gates.yaml ─▶ loadGates ─▶ gates.json in the run folder ─▶ parseGates ─▶ harness/gates. A run is judged by the
 * gates in its evidence, never by the current file.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { KitError } from './errors.ts';
import { means } from './meaning.ts';
import { PROMISES } from './schema.ts';
import { currentSubstrateName, SUBSTRATE_NAMES } from './substrate-names.ts';
import { validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const DEFAULT_FILE = join(import.meta.dirname, 'gates.yaml');
const id = z.string().regex(/^[a-z][a-z0-9-]{1,60}$/, 'lower-case letters, digits and dashes');

/** `all`, or a list of names. */
const some = <T extends z.ZodType>(name: T) => z.union([z.literal('all'), z.array(name).min(1)]);

const RUN_KINDS = ['readiness', 'drill', 'load', 'capacity', 'canary', 'rehearsal'] as const;

export const scopeSchema = z.strictObject({
  environments: some(z.string()).default('all').meta(means('Names of environments.')),
  substrates: some(z.preprocess(currentSubstrateName, z.enum(SUBSTRATE_NAMES)))
    .default('all')
    .meta(means('Substrates.')),
  profiles: some(z.enum(['quick', 'full']))
    .default('all')
    .meta(means('Profiles.')),
  topologies: some(z.enum(['single', 'sentinel', 'cluster']))
    .default('all')
    .meta(means('Topologies.')),
  runs: z
    .array(z.enum(RUN_KINDS))
    .min(1)
    .default(['readiness', 'drill', 'load'])
    .meta(means('Kinds of run that evaluate the gate.')),
  input: z
    .enum(['coverage'])
    .optional()
    .meta(
      means(
        'Input of the run. Profile quick evaluates the gate only if the run has this input; profile full always evaluates the gate.',
      ),
    ),
  fastDetection: z
    .literal(false)
    .optional()
    .meta(means('false: the gate does not apply to an environment with sentinel.fast.', 'false')),
  watchdog: z
    .literal(true)
    .optional()
    .meta(
      means('true: the gate applies only to an environment with a watchdog (sentinel.watchdog).', 'true'),
    ),
  promises: z
    .array(z.enum(PROMISES))
    .min(1)
    .optional()
    .meta(
      means('Promises that the environment must make, all of them (`promises`, `durability.durableWrites`).'),
    ),
});

const sliSchema = z.strictObject({
  checker: id.meta(means('Checker that computes the figure.')),
  figure: z.string().min(1).meta(means('Name of the figure.')),
  stat: z
    .enum(['min', 'p50', 'p95', 'p99', 'max', 'mean'])
    .optional()
    .meta(
      means(
        'Statistic of a distribution. Omit it for a proportion (its ratio is used) and for a single value.',
      ),
    ),
  over: z
    .enum(['max', 'min', 'sum', 'pool'])
    .meta(
      means(
        'Aggregation over trials: worst value (max, min), total (sum), or all observations pooled (pool, for proportions).',
      ),
    ),
  count: z
    .enum(['trials', 'observations'])
    .meta(means('Unit of n: trials (if failures within a trial are not independent) or observations.')),
});

const confidence = z.number().gt(0).lt(1);

const claimSchema = z.discriminatedUnion('kind', [
  // Clopper-Pearson over trials, none of which may miss the target.
  z.strictObject({ kind: z.literal('trials'), share: z.number().gt(0).lt(1), confidence }),
  // Order statistic over trials, or within each trial if the figure is a distribution.
  z.strictObject({ kind: z.literal('quantile'), quantile: z.number().gt(0).lt(1), confidence }),
  // Clopper-Pearson over observations.
  z.strictObject({ kind: z.literal('proportion'), confidence }),
]);

/**
 * Limits on machine delays, by the figure that each delay distorts:
 *   latenessP99MaxMs   a percentile: delays that affect one operation in a hundred
 *   latenessMaxMs      a gap or a deadline: a single stall
 *   controlMaxShare    a latency: the machine's part of each send and round trip, as a share of the target
 *   fsyncMaxMs         a planned failover: each fsync of the sentinels
 */
const timingSchema = z
  .strictObject({
    latenessP99MaxMs: z.number().gt(0).optional(),
    latenessMaxMs: z.number().gt(0).optional(),
    controlMaxShare: z.number().gt(0).lt(1).optional(),
    fsyncMaxMs: z.number().gt(0).optional(),
  })
  .refine((timing) => Object.keys(timing).length > 0, 'must contain at least one bound');

const machineSchema = z.strictObject({
  stealMaxRatio: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.05)
    .meta(means('Maximum share of CPU time that the hypervisor gave to other machines.')),
  runnableMaxPerCore: z
    .number()
    .gt(0)
    .default(2)
    .meta(means('Maximum mean number of threads per core that run or wait for a CPU.')),
  incompleteLatenessMaxMs: z
    .number()
    .gt(0)
    .default(100)
    .meta(means('Delay of the machine in ms, above which a trial that did not complete is repeated.')),
});
/** Limits on the machine for every criterion with `timing`, and for trials that did not complete. */
export type MachineBounds = z.infer<typeof machineSchema>;

const targetSchema = z.strictObject({ op: z.enum(['<', '<=', '>', '>=', '==']), value: z.number() });

export const ownerSchema = z.string().min(2, 'a name of at least 2 characters');
export const justificationSchema = z.string().min(10, 'a sentence of at least 10 characters');

const overrideSchema = z.strictObject({
  owner: ownerSchema,
  reason: justificationSchema,
  /** File that contains the override. */
  file: z.string().min(1),
  /** Fields that the override changed, sorted. */
  fields: z.array(z.string()).min(1),
  /** Target before the override. */
  target: targetSchema,
  unit: z.string().min(1),
});
/** Record of an override of a built-in gate. */
export type GateOverride = z.infer<typeof overrideSchema>;

export const gateSchema = z.strictObject({
  id: id.meta(means('Id of the criterion in every report.')),
  title: z.string().min(5).meta(means('Title of the criterion, as a statement.')),
  source: z.string().min(2).meta(means('Requirement id, or section of a requirements document.')),
  group: z
    .enum(['correctness', 'performance', 'configuration', 'process'])
    .meta(
      means(
        'Group of the criterion; it determines how a failure affects the recommended action (harness/gates/verdict.ts).',
      ),
    ),
  scope: scopeSchema.prefault({}).meta(means('Runs to which the gate applies; omitted fields apply to all.')),
  workload: z
    .array(id)
    .min(1)
    .meta(
      means(
        'Drills whose trials are evaluated, all of them; configuration and coverage are evaluated without a trial.',
      ),
    ),
  client: z
    .literal('kit')
    .default('kit')
    .meta(means('Client that is evaluated; results of a stock client are for comparison only.')),
  sli: sliSchema.meta(means('Measured figure.')),
  target: targetSchema.meta(means('Target of the figure.', '{ op: <, <=, >, >= or ==, value: a number }')),
  unit: z.string().min(1).meta(means('Unit of the figure: ms, ratio, writes, …')),
  minN: z
    .strictObject({ quick: z.number().int().min(1), full: z.number().int().min(1) })
    .meta(
      means(
        'Minimum n; with fewer trials or observations, the criterion is INSUFFICIENT.',
        '{ quick: from 1, full: from 1 }',
      ),
    ),
  claim: claimSchema
    .optional()
    .meta(
      means(
        'Statistical claim of profile full, in addition to "n of n observed": a share of all trials, a quantile, or the pooled proportion meets the target.',
        '{ kind: trials, share, confidence }, { kind: quantile, quantile, confidence } or { kind: proportion, confidence }, each between 0 and 1',
      ),
    ),
  timing: z
    .union([z.literal(false), timingSchema])
    .meta(
      means(
        'Maximum delays of the machine, above which a trial is INVALID for the criterion; false if machine delays never make a trial INVALID for the criterion.',
        'false, or at least one of { latenessP99MaxMs, latenessMaxMs, controlMaxShare, fsyncMaxMs }: milliseconds, but a share of the target below 1',
      ),
    ),
  remedy: z
    .string()
    .min(10)
    .meta(means('Remedy that is shown if the criterion fails; names the relevant setting, if any.')),
  override: overrideSchema
    .optional()
    .meta(
      means(
        'Record of an override (`--gates`); the kit writes it.',
        '{ owner, reason, file, fields, target, unit }',
      ),
    ),
});
export type Gate = z.infer<typeof gateSchema>;

export const waiverSchema = z.strictObject({
  gate: id.meta(means('Id of the waived gate.')),
  owner: ownerSchema.meta(means('Person or team responsible for the waiver.')),
  reason: justificationSchema.meta(means('Reason for the waiver, shown in reports.')),
  expires: z.iso
    .date('a date such as 2030-12-31')
    .meta(
      means('Last day on which the waiver is valid, in UTC; at most 30 days after the day of the judgement.'),
    ),
});
export type Waiver = z.infer<typeof waiverSchema>;

export const gatesSchema = z
  .strictObject({
    gates: z.array(gateSchema).min(1).meta(means('Criteria of the verdict.')),
    fullOnly: z
      .array(id)
      .default([])
      .meta(
        means(
          'Drills without a trial in profile quick: a quick readiness run does not evaluate them; `kit drill ID` and profile full do.',
        ),
      ),
    machine: machineSchema.prefault({}).meta(means('Bounds on the machine for every criterion with timing.')),
    waivers: z.array(waiverSchema).default([]).meta(means('Known and accepted failures of criteria.')),
  })
  .superRefine(({ gates, waivers }, context) => {
    const known = new Set<string>();
    for (const [index, gate] of gates.entries()) {
      if (known.has(gate.id)) {
        context.addIssue({
          code: 'custom',
          path: ['gates', index, 'id'],
          message: `'${gate.id}' is defined twice`,
        });
      }
      known.add(gate.id);
    }
    for (const [index, waiver] of waivers.entries()) {
      if (!known.has(waiver.gate)) {
        const message = `'${waiver.gate}' must be a gate of this file`;
        context.addIssue({ code: 'custom', path: ['waivers', index, 'gate'], message });
      }
    }
  });

/** Gates and waivers, validated and frozen. */
export type Gates = z.infer<typeof gatesSchema>;

/** Loads gates. @throws KitError CONFIG_INVALID with file, line, invalid value and allowed values */
export function loadGates(file: string = DEFAULT_FILE): Gates {
  return validate(gatesSchema, readYaml(file));
}

/**
 * Parses the gates of a run folder.
 *
 * @throws KitError CONFIG_INVALID
 */
export function parseGates(text: string, where: string): Gates {
  const parsed = gatesSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new KitError(first?.message ?? 'not a valid list of gates', {
    code: 'CONFIG_INVALID',
    where: `${where}: ${first?.path.join('.') ?? ''}`,
  });
}
