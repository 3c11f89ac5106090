/**
 * What `config/gates.yaml` may say: the criteria of a go or no-go, with target, scope and smallest number of observations.
 *
 * gates.yaml ─▶ loadGates ─▶ gates.json in the run folder ─▶ parseGates ─▶ harness/gates. A run is judged by the gates that
 * its evidence carries, never by this file as it stands today.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { KitError } from './errors.ts';
import { PROMISES } from './schema.ts';
import { means } from './settings.ts';
import { validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const DEFAULT_FILE = join(import.meta.dirname, 'gates.yaml');
const id = z.string().regex(/^[a-z][a-z0-9-]{1,60}$/, 'lower-case letters, digits and dashes');

/** `all`, or names. */
const some = <T extends z.ZodType>(name: T) => z.union([z.literal('all'), z.array(name).min(1)]);

const RUN_KINDS = ['readiness', 'drill', 'load', 'capacity', 'canary', 'rehearsal'] as const;

const scopeSchema = z.strictObject({
  environments: some(z.string()).default('all').meta(means('Environments, by name.')),
  substrates: some(z.enum(['local', 'docker', 'attached']))
    .default('all')
    .meta(means('Substrates.')),
  profiles: some(z.enum(['quick', 'full']))
    .default('all')
    .meta(means('Profiles.')),
  topologies: some(z.enum(['single', 'sentinel', 'cluster']))
    .default('all')
    .meta(means('Topologies.')),
  // `capacity`, `canary` and `rehearsal` runs do not exist yet: their gates are listed.
  runs: z
    .array(z.enum(RUN_KINDS))
    .min(1)
    .default(['readiness', 'drill', 'load'])
    .meta(means('Kinds of run that ask the question.')),
  input: z
    .enum(['coverage'])
    .optional()
    .meta(means('In profile quick only where the run was given this input; in full always.')),
  promises: z
    .array(z.enum(PROMISES))
    .min(1)
    .optional()
    .meta(
      means(
        'Only where the environment makes all of these promises (`promises`, `durability.durableWrites`).',
      ),
    ),
});

const sliSchema = z.strictObject({
  checker: id.meta(means('Checker that gives the figure.')),
  figure: z.string().min(1).meta(means('Name of the figure.')),
  stat: z
    .enum(['min', 'p50', 'p95', 'p99', 'max', 'mean'])
    .optional()
    .meta(means('Statistic of a distribution; a proportion is its ratio, a value itself.')),
  over: z
    .enum(['max', 'min', 'sum', 'pool'])
    .meta(
      means(
        'How trials become one number: the worst (max, min), the total (sum), all observations in one (pool, for proportions).',
      ),
    ),
  count: z
    .enum(['trials', 'observations'])
    .meta(
      means(
        'Meaning of n: trials, as failures of one trial are not independent, or the observations in them.',
      ),
    ),
});

const confidence = z.number().gt(0).lt(1);

const claimSchema = z.discriminatedUnion('kind', [
  // Clopper-Pearson over trials, none of which may miss the target.
  z.strictObject({ kind: z.literal('trials'), share: z.number().gt(0).lt(1), confidence }),
  // Order statistic: over trials, or in each trial where the figure is a distribution.
  z.strictObject({ kind: z.literal('quantile'), quantile: z.number().gt(0).lt(1), confidence }),
  // Clopper-Pearson over observations.
  z.strictObject({ kind: z.literal('proportion'), confidence }),
]);

const gateSchema = z.strictObject({
  id: id.meta(means('Name of the criterion in every report.')),
  title: z.string().min(5).meta(means('The criterion as a statement.')),
  source: z.string().min(2).meta(means('Mission row or seed section.')),
  group: z
    .enum(['correctness', 'performance', 'configuration', 'process'])
    .meta(means('Decides how a miss affects the action: see harness/gates/verdict.ts.')),
  scope: scopeSchema.prefault({}).meta(means('Runs that the gate is asked of; left out means all.')),
  workload: z
    .array(id)
    .min(1)
    .meta(
      means(
        'Drills whose trials are judged, all of them; configuration and coverage are judged without a trial.',
      ),
    ),
  client: z
    .literal('kit')
    .default('kit')
    .meta(means('Client that is judged; the results of a stock client are for comparison.')),
  sli: sliSchema.meta(means('Measured figure.')),
  target: z
    .strictObject({ op: z.enum(['<', '<=', '>', '>=', '==']), value: z.number() })
    .meta(means('Target of the figure.', '{ op: <, <=, >, >= or ==, value: a number }')),
  unit: z.string().min(1).meta(means('Unit of the figure: ms, ratio, writes, …')),
  minN: z
    .strictObject({ quick: z.number().int().min(1), full: z.number().int().min(1) })
    .meta(means('Fewer trials or observations are INSUFFICIENT.', '{ quick: from 1, full: from 1 }')),
  claim: claimSchema
    .optional()
    .meta(
      means(
        'Claim of the profile full beyond "n of n observed": that a share of all trials would meet the target, that a quantile does, or that the pooled proportion does.',
        '{ kind: trials, share, confidence }, { kind: quantile, quantile, confidence } or { kind: proportion, confidence }, each between 0 and 1',
      ),
    ),
  // A gap is one moment, which a single stall of the machine makes as well as Redis does: `latenessMaxMs` bounds the worst send too.
  timing: z
    .union([
      z.literal(false),
      z.strictObject({ latenessP99MaxMs: z.number().gt(0), latenessMaxMs: z.number().gt(0).optional() }),
    ])
    .meta(
      means(
        'false: holds however late the generator was. Else the lateness above which a measured time is INVALID.',
        'false, or { latenessP99MaxMs, latenessMaxMs } in milliseconds',
      ),
    ),
  remedy: z
    .string()
    .min(10)
    .meta(means('Advice where the criterion fails; names the setting where there is one.')),
});
export type Gate = z.infer<typeof gateSchema>;

const waiverSchema = z.strictObject({
  gate: id.meta(means('The gate that is waived, by its id.')),
  owner: z.string().min(2).meta(means('Person or team that answers for it.')),
  reason: z.string().min(10).meta(means('Reason of the waiver, for whoever reads a report.')),
  expires: z.iso.date('a date such as 2030-12-31').meta(means('Last day on which it counts, UTC.')),
});
export type Waiver = z.infer<typeof waiverSchema>;

export const gatesSchema = z
  .strictObject({
    gates: z.array(gateSchema).min(1).meta(means('Criteria of a go or no-go.')),
    waivers: z
      .array(waiverSchema)
      .default([])
      .meta(means('Criteria that are known not to hold, and accepted.')),
  })
  .superRefine(({ gates, waivers }, context) => {
    const known = new Set<string>();
    for (const [index, gate] of gates.entries()) {
      if (known.has(gate.id)) {
        context.addIssue({
          code: 'custom',
          path: ['gates', index, 'id'],
          message: `'${gate.id}' is there twice`,
        });
      }
      known.add(gate.id);
    }
    for (const [index, waiver] of waivers.entries()) {
      if (!known.has(waiver.gate)) {
        const message = `'${waiver.gate}' is no gate of this file`;
        context.addIssue({ code: 'custom', path: ['waivers', index, 'gate'], message });
      }
    }
  });

/** Gates and waivers, validated and frozen. */
export type Gates = z.infer<typeof gatesSchema>;

/** @throws KitError CONFIG_INVALID with file, line, the bad value and what is allowed */
export function loadGates(file: string = DEFAULT_FILE): Gates {
  return validate(gatesSchema, readYaml(file));
}

/**
 * Gates as a run folder carries them.
 *
 * @throws KitError CONFIG_INVALID
 */
export function parseGates(text: string, where: string): Gates {
  const parsed = gatesSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new KitError(first?.message ?? 'not gates', {
    code: 'CONFIG_INVALID',
    where: `${where}: ${first?.path.join('.') ?? ''}`,
  });
}
