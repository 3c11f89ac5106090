/**
 * Validates a YAML file, overridden by variables and flags, against a schema.
 *
 * One KitError reports all problems, each with its origin (file and line, variable or flag), its dotted path, the
 * invalid value in quotes and the allowed values. The allowed values come from the schema, so that the two cannot
 * diverge.
 */
import { z } from 'zod';
import { KitError } from './errors.ts';
import { didYouMean } from './spelling.ts';
import type { Path, YamlSource } from './yaml.ts';

/** Value that overrides the file. Later overrides take precedence. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Origin of the value: `variable CACHE_DEFAULT_TTL=60`, `flag redis.maxmemory=1gb`. */
  readonly origin: string;
}

interface Problem {
  readonly origin: string;
  /** Path of the value in its origin. */
  readonly shownPath: Path;
  readonly path: Path;
  readonly message: string;
}

/** Validates a file with its overrides. @throws KitError `CONFIG_INVALID` with every problem */
export function validate<S extends z.ZodType>(
  schema: S,
  source: YamlSource,
  overrides: readonly Override[] = [],
): z.infer<S> {
  const input = overrides.reduce<unknown>(withOverride, structuredClone(source.value));
  const result = schema.safeParse(input);
  if (result.success) return deepFreeze(result.data);
  const problems = distinctProblems(
    result.error.issues
      .flatMap((issue) => explainProblem(schema, issue, input, []))
      .map((problem) => ({ ...problem, ...originOf(problem.path, source, overrides) }))
      .sort((a, b) => source.lineOf(a.path) - source.lineOf(b.path)),
  );
  throw configError(problems, source.file);
}

function configError(problems: readonly Problem[], file: string): KitError {
  const hint = 'see docs/settings.md for every setting, and config/environments/ for examples';
  const [only] = problems;
  if (problems.length === 1 && only !== undefined) {
    return new KitError(only.message, {
      code: 'CONFIG_INVALID',
      where: `${only.origin}: ${dottedPath(only.shownPath)}`,
      hint,
    });
  }
  const list = problems.map((one) => `  ${one.origin}: ${dottedPath(one.shownPath)}: ${one.message}`);
  return new KitError(`${problems.length} problems\n${list.join('\n')}`, {
    code: 'CONFIG_INVALID',
    where: file,
    hint,
  });
}

function originOf(
  path: Path,
  source: YamlSource,
  overrides: readonly Override[],
): Pick<Problem, 'origin' | 'shownPath'> {
  const from = overrides.findLast((override) => override.path.every((part, i) => String(path[i]) === part));
  if (from !== undefined) return { origin: from.origin, shownPath: path };
  const at = source.locate?.(path) ?? { file: source.file, line: source.lineOf(path), path };
  return { origin: `${at.file}:${at.line}`, shownPath: at.path };
}

type Issue = z.core.$ZodIssue;

function explainProblem(
  schema: z.ZodType,
  issue: Issue,
  root: unknown,
  prefix: Path,
): { path: Path; message: string }[] {
  const path = [...prefix, ...issue.path] as (string | number)[];
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, path));
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key '${key}'${didYouMean(key, known) || ';'} allowed: ${known.join(', ')}`,
    }));
  }
  const value = valueAt(root, path);
  if (issue.code === 'invalid_key') {
    const rule = issue.issues.map((inner) => inner.message).join(', ');
    return [{ path, message: `key ${quoteValue(path.at(-1))} must be ${rule}` }];
  }
  if (issue.code === 'invalid_union' && typeof value === 'object' && value !== null) {
    const closest = issue.errors.find((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
    );
    if (closest !== undefined) return closest.flatMap((inner) => explainProblem(schema, inner, root, path));
  }
  if (issue.code === 'custom') return [{ path, message: issue.message }];
  const at = schemaAt(schema, path);
  const rule =
    allowedValues(at) ??
    (at instanceof z.ZodString && issue.code === 'invalid_type' ? 'text' : issue.message);
  if (value === undefined) return [{ path, message: `is missing; must be ${rule}` }];
  const guess = issue.code === 'invalid_value' ? didYouMean(String(value), issue.values.map(String)) : '';
  return [{ path, message: `must be ${rule}, got ${quoteValue(value)}${guess}` }];
}

/** Describes the allowed values of a schema in words, if it is a simple type. */
export function allowedValues(schema: z.ZodType | undefined): string | undefined {
  if (schema === undefined) return undefined;
  if (schema.description !== undefined) return schema.description;
  if (schema instanceof z.ZodNumber) {
    const most = schema.maxValue ?? Number.MAX_SAFE_INTEGER;
    const type = schema.isInt ? 'an integer' : 'a number';
    const least = schema.minValue ?? 'any';
    return most >= Number.MAX_SAFE_INTEGER
      ? `${type} of at least ${least}`
      : `${type} from ${least} to ${most}`;
  }
  if (schema instanceof z.ZodEnum) return `one of ${schema.options.join(', ')}`;
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodArray) return 'a list';
  if (schema instanceof z.ZodTuple) return `a list of ${schema.def.items.length}`;
  if (schema instanceof z.ZodObject) return `a map with the keys ${keysOf(schema).join(', ')}`;
  return undefined;
}

function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let at: z.ZodType | undefined = unwrapSchema(schema);
  for (const part of path) {
    if (at instanceof z.ZodObject) at = at.shape[String(part)] as z.ZodType | undefined;
    else if (at instanceof z.ZodArray) at = at.element as z.ZodType;
    else if (at instanceof z.ZodRecord) at = at.valueType as z.ZodType;
    else if (at instanceof z.ZodTuple) at = at.def.items[Number(part)] as z.ZodType | undefined;
    else if (at instanceof z.ZodUnion) at = branchWith(at, String(part));
    else return undefined;
    at = at === undefined ? undefined : unwrapSchema(at);
  }
  return at;
}

function branchWith(union: z.ZodUnion, key: string): z.ZodType | undefined {
  for (const option of union.options as readonly z.ZodType[]) {
    if (option instanceof z.ZodObject && key in option.shape) return option.shape[key] as z.ZodType;
  }
  return undefined;
}

function unwrapSchema(schema: z.ZodType): z.ZodType {
  if (schema.description !== undefined) return schema;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrapSchema(schema.unwrap() as z.ZodType);
  }
  return schema instanceof z.ZodPipe ? unwrapSchema(schema.in as z.ZodType) : schema;
}

function keysOf(schema: z.ZodType | undefined): readonly string[] {
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.ZodType[]).flatMap(keysOf);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function distinctProblems(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Map(
    problems.map((problem) => [`${dottedPath(problem.path)} ${problem.message}`, problem]),
  );
  return [...seen.values()];
}

function withOverride(root: unknown, override: Override): unknown {
  const [key, ...rest] = override.path;
  if (key === undefined) return override.value;
  const object = typeof root === 'object' && root !== null ? root : {};
  const child = (object as Record<string, unknown>)[key];
  return { ...object, [key]: withOverride(child, { ...override, path: rest }) };
}

function valueAt(root: unknown, path: Path): unknown {
  let at = root;
  for (const part of path) at = (at as Record<string | number, unknown> | null | undefined)?.[part];
  return at;
}

function dottedPath(path: Path): string {
  return path.length === 0 ? '(the whole file)' : path.join('.');
}

/** Returns the value as written, shortened to one line. */
export function quoteValue(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return `'${text.length > 60 ? `${text.slice(0, 57)}...` : text}'`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
