/**
 * JSON Schemas for the files that users write, from the zod schemas: editors use them to complete and check the files.
 * Pure; `write.ts` writes the schemas, and a test compares them.
 *
 * Left out: checks that compare settings (`config/contradictions.ts`), and settings that an extended environment must
 * have. The kit checks these.
 */
import { z } from 'zod';
import { gatesSchema } from '../../config/gates.ts';
import { projectSchema } from '../../config/project.ts';
import { settingsSchema } from '../../config/settings.ts';

type Json = { readonly [key: string]: unknown };

/** Text of every file in docs/schemas/, by its name. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  const schemas: readonly (readonly [name: string, title: string, schema: Json])[] = [
    ['environment', 'Environment of redis-cache-kit', environmentFile()],
    ['gates', 'Gates of redis-cache-kit', schemaOf(gatesSchema)],
    ['kit', 'kit.yaml of redis-cache-kit', projectFile()],
  ];
  return new Map(
    schemas.map(([name, title, { $schema, ...schema }]) => [
      `${name}.schema.json`,
      `${JSON.stringify({ $schema, title, ...schema }, null, 2)}\n`,
    ]),
  );
}

const EXTENDS: Json = {
  type: 'string',
  description:
    'Environment to start from: single, dev, staging, production, cluster, another one in kit.yaml, or a YAML file.',
};

/** Every setting is required as in the schema, unless the environment extends another one. */
function environmentFile(): Json {
  const whole = schemaOf(settingsSchema);
  return {
    ...withExtends(whole),
    required: ['name'],
    anyOf: [{ required: ['extends'] }, requirementsOf(whole)],
  };
}

function projectFile(): Json {
  const { $schema: _, ...environment } = withExtends(schemaOf(settingsSchema));
  const project = schemaOf(projectSchema);
  const properties = project.properties as Readonly<Record<string, Json>>;
  return {
    ...project,
    properties: {
      ...properties,
      environments: { ...properties.environments, additionalProperties: environment },
    },
  };
}

function withExtends(whole: Json): Json {
  const open = withoutRequired(whole) as Json;
  return { ...open, properties: { extends: EXTENDS, ...(open.properties as Json) } };
}

/** Removes `required` from the settings, but not from values within lists or alternatives. */
function withoutRequired(schema: Json): Json {
  const { required: _, properties, ...rest } = schema;
  return properties === undefined
    ? rest
    : { ...rest, properties: mapValues(properties as Json, withoutRequired) };
}

/** The `required` of the settings alone. */
function requirementsOf({ required, properties = {} }: Json): Json {
  const inner = Object.entries(properties as Json)
    .map(([key, value]) => [key, requirementsOf(value as Json)] as const)
    .filter(([, value]) => Object.keys(value).length > 0);
  return {
    ...(required === undefined ? {} : { required }),
    ...(inner.length === 0 ? {} : { properties: Object.fromEntries(inner) }),
  };
}

const mapValues = (object: Json, map: (value: Json) => Json): Json =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value as Json)]));

/** Returns the schema of a file as written, before defaults and conversions. The meaning becomes the description. */
function schemaOf(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const { meaning, allowed } = jsonSchema as { readonly meaning?: string; readonly allowed?: string };
      if (meaning !== undefined) {
        jsonSchema.description = allowed === undefined ? meaning : `${meaning} Values: ${allowed}.`;
      }
      delete jsonSchema.meaning;
      delete jsonSchema.allowed;
    },
  }) as Json;
}
