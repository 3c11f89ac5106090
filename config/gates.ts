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
import { validate } from './validate.ts';
import { readYaml } from './yaml.ts';

const DEFAULT_FILE = join(import.meta.dirname, 'gates.yaml');
const id = z.string().regex(/^[a-z][a-z0-9-]{1,60}$/, 'lower-case letters, digits and dashes');

/** `all`, or names. */
const some = <T extends z.ZodType>(name: T) => z.union([z.literal('all'), z.array(name).min(1)]);

const RUN_KINDS = ['readiness', 'drill', 'load', 'capacity', 'canary', 'rehearsal'] as const;

const scopeSchema = z.strictObject({
  environments: some(z.string()).default('all'),
  substrates: some(z.enum(['local', 'docker', 'attached'])).default('all'),
  profiles: some(z.enum(['quick', 'full'])).default('all'),
  topologies: some(z.enum(['single', 'sentinel', 'cluster'])).default('all'),
  /** Kinds of run that ask the question. `capacity`, `canary` and `rehearsal` runs do not exist yet: what they ask is listed. */
  runs: z.array(z.enum(RUN_KINDS)).min(1).default(['readiness', 'drill', 'load']),
  /** In `quick` only where the run was given this input; in `full` always. */
  input: z.enum(['coverage']).optional(),
  /** Only where the environment makes all of these promises (`promises`, `durability.durableWrites`). */
  promises: z.array(z.enum(PROMISES)).min(1).optional(),
});

const sliSchema = z.strictObject({
  checker: id,
  figure: z.string().min(1),
  /** Of a distribution; a proportion is its ratio, a value itself. */
  stat: z.enum(['min', 'p50', 'p95', 'p99', 'max', 'mean']).optional(),
  /** Over trials: the worst (`max`, `min`), all observations in one (`pool`, proportions), the total (`sum`). */
  over: z.enum(['max', 'min', 'sum', 'pool']),
  /** What `n` counts: trials, because failures of one trial are not independent, or the observations in them. */
  count: z.enum(['trials', 'observations']),
});

/** What `full` claims beyond "n of n observed". */
const claimSchema = z.discriminatedUnion('kind', [
  /** At least `share` of all trials would meet the target (Clopper-Pearson over trials, none of which may miss it). */
  z.strictObject({
    kind: z.literal('trials'),
    share: z.number().gt(0).lt(1),
    confidence: z.number().gt(0).lt(1),
  }),
  /** The quantile over trials meets the target (order statistic). */
  z.strictObject({
    kind: z.literal('quantile'),
    quantile: z.number().gt(0).lt(1),
    confidence: z.number().gt(0).lt(1),
  }),
  /** The pooled proportion meets the target (Clopper-Pearson over observations). */
  z.strictObject({ kind: z.literal('proportion'), confidence: z.number().gt(0).lt(1) }),
]);

const gateSchema = z.strictObject({
  id,
  title: z.string().min(5),
  /** Mission row or seed section. */
  source: z.string().min(2),
  /** What a miss means for seed 004's three actions: see `harness/gates/verdict.ts`. */
  group: z.enum(['correctness', 'performance', 'configuration', 'process']),
  scope: scopeSchema.prefault({}),
  /** Drills whose trials are judged, all of them; `configuration` and `coverage` are judged without a trial. */
  workload: z.array(id).min(1),
  /** A stock client's results are for comparison: only the kit's own are gated. */
  client: z.literal('kit').default('kit'),
  sli: sliSchema,
  target: z.strictObject({ op: z.enum(['<', '<=', '>', '>=', '==']), value: z.number() }),
  unit: z.string().min(1),
  minN: z.strictObject({ quick: z.number().int().min(1), full: z.number().int().min(1) }),
  claim: claimSchema.optional(),
  /**
   * `false`: holds however late the generator was. Else the p99 of its lateness above which a measured time says more about
   * this machine than about Redis: INVALID. A gap is one moment, which a single stall of the machine makes as well as Redis
   * does: `latenessMaxMs` bounds the generator's worst send too.
   */
  timing: z.union([
    z.literal(false),
    z.strictObject({ latenessP99MaxMs: z.number().gt(0), latenessMaxMs: z.number().gt(0).optional() }),
  ]),
  /** What to change when it is not PASS; names the setting where there is one. */
  remedy: z.string().min(10),
});
export type Gate = z.infer<typeof gateSchema>;

const waiverSchema = z.strictObject({
  gate: id,
  owner: z.string().min(2),
  reason: z.string().min(10),
  /** Last day on which it counts, UTC. */
  expires: z.iso.date('a date such as 2030-12-31'),
});
export type Waiver = z.infer<typeof waiverSchema>;

export const gatesSchema = z
  .strictObject({ gates: z.array(gateSchema).min(1), waivers: z.array(waiverSchema).default([]) })
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
