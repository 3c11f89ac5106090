/**
 * Merges the gates and waivers of a repository into the built-in ones. A gate file (`--gates FILE`) contains new
 * gates, overrides of built-in gates, and waivers:
 *
 *   config/gates.yaml ─▶ file by file, merged by id ─▶ + waivers of kit.yaml ─▶ gates.json of the run folder
 *
 * An override is an entry with the id of an existing gate. It contains only the fields that it changes, an owner and a
 * reason; every report shows it with the original target. `machine` and `fullOnly` cannot be changed, because they
 * would affect gates that the file does not name.
 */
import { z } from 'zod';
import { KitError } from './errors.ts';
import {
  type Gate,
  type GateOverride,
  type Gates,
  gateSchema,
  gatesSchema,
  justificationSchema,
  loadGates,
  ownerSchema,
  scopeSchema,
  type Waiver,
  waiverSchema,
} from './gates.ts';
import { means } from './meaning.ts';
import { didYouMean } from './spelling.ts';
import { validate } from './validate.ts';
import { latestWaiverDay, MAX_WAIVER_DAYS } from './waiver-days.ts';
import { displayPath, readYaml, type YamlSource } from './yaml.ts';

const entrySchema = gateSchema
  .omit({ override: true })
  .extend({ scope: scopeSchema.partial() })
  .partial()
  .required({ id: true })
  .extend({
    owner: ownerSchema
      .optional()
      .meta(means('Override of a built-in gate: person or team responsible for it.')),
    reason: justificationSchema
      .optional()
      .meta(means('Override of a built-in gate: its reason, shown in every report.')),
  });

/** Schema of a gate file, for `--gates FILE` and the `gates` section of kit.yaml. */
const ownGatesSchema = z.strictObject({
  gates: z
    .array(entrySchema)
    .default([])
    .meta(
      means(
        'New gates, with all fields of a gate, and overrides of built-in gates: the id, the changed fields, owner and reason.',
      ),
    ),
  waivers: z
    .array(waiverSchema)
    .default([])
    .meta(means('Known and accepted failures of criteria; each expires within 30 days.')),
});

export interface OwnGates {
  /** Gate files, in the order in which they are applied. */
  readonly files: readonly string[];
  /** Additional waivers, with the file that contains them. */
  readonly waivers?: { readonly file: string; readonly waivers: readonly Waiver[] };
  /** Current day or instant (ISO 8601, UTC), for the expiry of waivers. */
  readonly today: string;
  /** Gates to extend; default: the built-in gates. */
  readonly base?: Gates;
}

/**
 * Loads the merged gates.
 *
 * @throws KitError CONFIG_UNREADABLE, CONFIG_SYNTAX, or CONFIG_INVALID with file, line and path
 */
export function loadOwnGates({ files, waivers, today, base = loadGates() }: OwnGates): Gates {
  const merged = files.reduce((gates, file) => withFile(gates, readYaml(file), today), base);
  if (waivers === undefined) return merged;
  const ids = new Set(merged.gates.map(({ id }) => id));
  for (const [index, waiver] of waivers.waivers.entries()) {
    const problem = waiverProblem(waiver, ids, today);
    if (problem === undefined) continue;
    throw invalid(problem.message, `${displayPath(waivers.file)}: waivers.${index}.${problem.field}`);
  }
  return { ...merged, waivers: [...merged.waivers, ...waivers.waivers] };
}

function withFile(base: Gates, source: YamlSource, today: string): Gates {
  const known = new Map(base.gates.map((gate) => [gate.id, gate]));
  const schema = ownGatesSchema.superRefine((file, context) => {
    const report = (path: readonly (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path: [...path], message });
    const seen = new Set<string>();
    for (const [index, entry] of file.gates.entries()) {
      if (seen.has(entry.id)) report(['gates', index, 'id'], `'${entry.id}' is defined twice in this file`);
      seen.add(entry.id);
      for (const { path, message } of entryProblems(writtenEntry(source, index), known))
        report(['gates', index, ...path], message);
    }
    const ids = new Set([...known.keys(), ...seen]);
    for (const [index, waiver] of file.waivers.entries()) {
      const problem = waiverProblem(waiver, ids, today);
      if (problem !== undefined) report(['waivers', index, problem.field], problem.message);
    }
  });
  const file = validate(schema, { ...source, value: source.value ?? {} });
  const entries = file.gates.map((_, index) => writtenEntry(source, index));
  const own = new Map(entries.map((entry) => [String(entry.id), entry]));
  return gatesSchema.parse({
    ...base,
    gates: [
      ...base.gates.map((gate) => overrideGate(gate, own.get(gate.id), source.file)),
      ...entries.filter(({ id }) => !known.has(String(id))),
    ],
    waivers: [...base.waivers, ...file.waivers],
  });
}

type Entry = Readonly<Record<string, unknown>>;

/** Returns an entry with the fields as written, because a default value of the schema is not a change. */
function writtenEntry({ value }: YamlSource, index: number): Entry {
  return ((value as { readonly gates?: readonly Entry[] }).gates ?? [])[index] ?? {};
}

/** Criterion that is judged without a gate (`harness/gates/completeness.ts`). */
const EVIDENCE_COMPLETE = 'evidence-complete';

function changedFields(entry: Entry): readonly string[] {
  return Object.keys(entry)
    .filter((field) => !['id', 'owner', 'reason'].includes(field))
    .sort();
}

interface EntryProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function entryProblems(entry: Entry, known: ReadonlyMap<string, Gate>): readonly EntryProblem[] {
  const id = String(entry.id);
  if (known.has(id)) {
    const missing = ['owner', 'reason'].filter((field) => entry[field] === undefined);
    return [
      ...missing.map((field) => ({
        path: [field],
        message: `is missing; an override of the gate '${id}' must name its owner and its reason`,
      })),
      ...(changedFields(entry).length === 0
        ? [{ path: [], message: 'must change a field of the gate' }]
        : []),
    ];
  }
  const stray = ['owner', 'reason'].filter((field) => entry[field] !== undefined);
  if (stray.length > 0) {
    const guess = didYouMean(id, [...known.keys()]);
    const message = `'${id}' is not a built-in gate${guess || ';'} a new gate has no owner and no reason`;
    return [{ path: ['id'], message }];
  }
  if (id === EVIDENCE_COMPLETE)
    return [{ path: ['id'], message: `'${id}' is the kit's own criterion, which no file can change` }];
  const parsed = gateSchema.safeParse(entry);
  if (parsed.success) return [];
  return parsed.error.issues
    .filter(({ path }) => entry[String(path[0])] === undefined)
    .map(({ path }) => ({
      path: path as (string | number)[],
      message: `is missing; '${id}' is a new gate and must have every field of a gate`,
    }));
}

function overrideGate(gate: Gate, entry: Entry | undefined, file: string): unknown {
  if (entry === undefined) return gate;
  const { owner, reason, scope, ...changes } = entry;
  const shipped = gate.override ?? gate;
  const override = {
    ...{ owner, reason, file },
    fields: [...new Set([...(gate.override?.fields ?? []), ...changedFields(entry)])].sort(),
    ...{ target: shipped.target, unit: shipped.unit },
  } as GateOverride;
  return {
    ...gate,
    ...changes,
    ...(scope !== undefined && { scope: { ...gate.scope, ...(scope as object) } }),
    override,
  };
}

function waiverProblem(
  { gate, expires }: Waiver,
  ids: ReadonlySet<string>,
  today: string,
): { readonly field: 'gate' | 'expires'; readonly message: string } | undefined {
  if (!ids.has(gate)) {
    const message = `'${gate}' must be the id of a gate${didYouMean(gate, [...ids])}`;
    return { field: 'gate', message };
  }
  const latest = latestWaiverDay(today);
  if (expires <= latest) return undefined;
  const message = `must be at most ${MAX_WAIVER_DAYS} days ahead (${latest}), got '${expires}'`;
  return { field: 'expires', message };
}

function invalid(message: string, where: string): KitError {
  return new KitError(message, { code: 'CONFIG_INVALID', where, hint: 'see docs/gates.md for the format' });
}
