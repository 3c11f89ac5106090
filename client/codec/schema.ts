/**
 * Derives a name for the shape of a value from its schema, so that a changed schema invalidates old entries.
 *
 * A validator that exports JSON Schema (zod 4.2 and later, arktype, joi, valibot with its adapter) needs no explicit
 * name. Any other validator needs a `schemaId`: a function has no shape that could be hashed. Rules that JSON Schema
 * cannot express (refinements, transforms) are not part of the name; only the validation on reads enforces them.
 *
 * The name is derived once per schema object, when it is first used.
 */
import { createHash } from 'node:crypto';
import type { ReadOptions, StandardSchema } from '../api/types.ts';
import { normalize } from '../keys/normalize.ts';
import type { DecodeOptions } from './envelope.ts';

/** Schema that exports JSON Schema: https://standardschema.dev/json-schema */
interface WithJsonSchema {
  readonly jsonSchema?: Partial<Record<'input' | 'output', (options: object) => unknown>>;
}

/**
 * Options for the export. By default, zod throws for a part that JSON Schema cannot represent (such as a Date). With
 * `unrepresentable: 'any'` it does not throw, so the other parts still have a shape.
 */
const REQUEST = { target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } } as const;
const derived = new WeakMap<object, string | null>();

/**
 * Returns the explicit name, otherwise a name derived from the JSON Schema; undefined if there is no schema or it
 * does not export its shape.
 */
export function schemaIdOf(schema: StandardSchema | undefined, schemaId?: string): string | undefined {
  if (schemaId !== undefined) return schemaId;
  if (schema === undefined) return undefined;
  let id = derived.get(schema);
  if (id === undefined) {
    id = deriveName(schema);
    derived.set(schema, id);
  }
  return id ?? undefined;
}

/**
 * Returns the shape that a reader with these options accepts. The schema validates an entry without a name, because the
 * writer of that entry may not have used the schema. A reader with an explicit name accepts no other name.
 */
export function expectedBy(
  { schema, schemaId }: ReadOptions,
  codecs: DecodeOptions['codecs'],
): DecodeOptions {
  if (schema === undefined || schemaId !== undefined) return { schemaId, codecs };
  return { schemaId: schemaIdOf(schema), orNameless: true, codecs };
}

function deriveName(schema: StandardSchema): string | null {
  try {
    const shape = shapeOf(schema);
    // Descriptions can change while the shape stays the same. They are included nevertheless; the cost is at most a
    // miss.
    return shape === undefined
      ? null
      : `${schema['~standard'].vendor}:${createHash('sha256').update(normalize(shape)).digest('hex').slice(0, 16)}`;
  } catch {
    return null;
  }
}

/** Returns the schema's input (the form stored in Redis) and its output; undefined if the schema exports neither. */
function shapeOf(schema: StandardSchema): unknown {
  const { jsonSchema } = schema['~standard'] as WithJsonSchema;
  if (jsonSchema) {
    const [input, output] = [
      resultOf(() => jsonSchema.input?.(REQUEST)),
      resultOf(() => jsonSchema.output?.(REQUEST)),
    ];
    return input === undefined && output === undefined ? undefined : { input, output };
  }
  const { toJsonSchema } = schema as { toJsonSchema?: () => unknown };
  return typeof toJsonSchema === 'function' ? toJsonSchema.call(schema) : undefined;
}

/**
 * Returns the JSON Schema; undefined if the validator throws because it cannot export a transform or a custom class.
 */
function resultOf(say: () => unknown): unknown {
  try {
    return say();
  } catch {
    return undefined;
  }
}
