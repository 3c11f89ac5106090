/**
 * A name for the shape of a value, taken from its schema, so that a changed schema makes old entries misses by itself.
 *
 * A validator that can say its JSON Schema (zod 4, arktype, valibot by its adapter) needs no name. One that cannot needs
 * an explicit `schemaId`: a function has no shape that could be hashed.
 */
import { createHash } from 'node:crypto';
import { normalize } from '../normalize.ts';
import type { StandardSchema } from '../types.ts';

/** https://standardschema.dev/json-schema */
interface WithJsonSchema {
  readonly jsonSchema?: { readonly output?: (options: { readonly target: string }) => unknown };
}

const TARGET = 'draft-2020-12';
const derived = new WeakMap<object, string | null>();

/** The explicit name, else one made of the schema's JSON Schema; undefined: no schema, or one that does not say its shape. */
export function schemaIdOf(schema: StandardSchema | undefined, schemaId?: string): string | undefined {
  if (schemaId !== undefined) return schemaId;
  if (schema === undefined) return undefined;
  let id = derived.get(schema);
  if (id === undefined) {
    id = derive(schema);
    derived.set(schema, id);
  }
  return id ?? undefined;
}

function derive(schema: StandardSchema): string | null {
  try {
    const json = jsonSchemaOf(schema);
    // Only descriptions and the like may differ without a change of shape; they count, which costs a miss and no more.
    return json === undefined
      ? null
      : `${schema['~standard'].vendor}:${createHash('sha256').update(normalize(json)).digest('hex').slice(0, 16)}`;
  } catch {
    // A transform, a custom class: the validator cannot say it as JSON Schema.
    return null;
  }
}

function jsonSchemaOf(schema: StandardSchema): unknown {
  const standard = schema['~standard'] as WithJsonSchema;
  if (typeof standard.jsonSchema?.output === 'function')
    return standard.jsonSchema.output({ target: TARGET });
  const { toJsonSchema } = schema as { toJsonSchema?: () => unknown };
  return typeof toJsonSchema === 'function' ? toJsonSchema.call(schema) : undefined;
}
