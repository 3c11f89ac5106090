/**
 * A name for the shape of a value, taken from its schema, so that a changed schema makes old entries misses by itself.
 *
 * A validator that can say its JSON Schema (zod from 4.2, arktype, joi, valibot by its adapter) needs no name. One that
 * cannot needs an explicit `schemaId`: a function has no shape that could be hashed. What JSON Schema has no words for
 * (a refinement, a transform) is not part of the name, and is held by the validation of each read alone.
 *
 * Derived once for each schema object, at its first use.
 */
import { createHash } from 'node:crypto';
import type { ReadOptions, StandardSchema } from '../api/types.ts';
import { normalize } from '../keys/normalize.ts';
import type { DecodeOptions } from './envelope.ts';

/** https://standardschema.dev/json-schema */
interface WithJsonSchema {
  readonly jsonSchema?: Partial<Record<'input' | 'output', (options: object) => unknown>>;
}

/** zod would rather throw than leave out a part that has no JSON Schema (a Date): the rest has a shape all the same. */
const REQUEST = { target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } } as const;
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

/**
 * What a reader with these options takes. An entry without a name is for the schema to judge: a writer need not know the
 * readers' schema. Who names the shape himself wants no other.
 */
export function expectedBy(
  { schema, schemaId }: ReadOptions,
  codecs: DecodeOptions['codecs'],
): DecodeOptions {
  if (schema === undefined || schemaId !== undefined) return { schemaId, codecs };
  return { schemaId: schemaIdOf(schema), orNameless: true, codecs };
}

function derive(schema: StandardSchema): string | null {
  try {
    const shape = shapeOf(schema);
    // Only descriptions and the like may differ without a change of shape; they count, which costs a miss and no more.
    return shape === undefined
      ? null
      : `${schema['~standard'].vendor}:${createHash('sha256').update(normalize(shape)).digest('hex').slice(0, 16)}`;
  } catch {
    return null;
  }
}

/** What goes into it (which is what stands in Redis) and what it makes of that; undefined where it says neither. */
function shapeOf(schema: StandardSchema): unknown {
  const { jsonSchema } = schema['~standard'] as WithJsonSchema;
  if (jsonSchema) {
    const [input, output] = [
      said(() => jsonSchema.input?.(REQUEST)),
      said(() => jsonSchema.output?.(REQUEST)),
    ];
    return input === undefined && output === undefined ? undefined : { input, output };
  }
  const { toJsonSchema } = schema as { toJsonSchema?: () => unknown };
  return typeof toJsonSchema === 'function' ? toJsonSchema.call(schema) : undefined;
}

/** A transform, a custom class: the validator cannot say it as JSON Schema, and throws. */
function said(say: () => unknown): unknown {
  try {
    return say();
  } catch {
    return undefined;
  }
}
