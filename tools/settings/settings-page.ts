/**
 * docs/settings.md out of the schemas: every setting of an environment and of the gates, with its values, its default and its
 * meaning, and the variables that are laid over them. Pure; `write.ts` writes the file, a test compares it.
 */
import { z } from 'zod';
import { ENVIRONMENT_SETTINGS, VARIABLES } from '../../config/env.ts';
import { gatesSchema } from '../../config/gates.ts';
import { settingsSchema } from '../../config/settings.ts';
import { allowed } from '../../config/validate.ts';

/** One row of the page. */
export interface Setting {
  /** `redis.maxmemory`, `gates[].id`. */
  readonly path: string;
  /** Undefined where it is missing; a test refuses that. */
  readonly meaning: string | undefined;
  readonly allowed: string;
  /** In JSON; undefined where the setting must be given. */
  readonly default: string | undefined;
  /** Whether it has settings of its own below it. */
  readonly isGroup: boolean;
}

/** All settings of a schema, groups before their members. */
export function settingsOf(schema: z.ZodType, path = ''): readonly Setting[] {
  const { inner, fallback, isOptional } = unwrapped(schema);
  const members = membersOf(inner, path);
  if (path === '') return members;
  const meta = schema.meta() as { readonly meaning?: string; readonly allowed?: string } | undefined;
  const hasWords = meta?.allowed !== undefined || inner.description !== undefined;
  const isGroup = members.length > 0 && !hasWords;
  const own: Setting = {
    path,
    meaning: meta?.meaning,
    allowed: isGroup ? '' : (meta?.allowed ?? wordsOf(inner)),
    default: fallback ?? (isOptional ? 'none' : undefined),
    isGroup,
  };
  return isGroup ? [own, ...members] : [own];
}

function membersOf(schema: z.ZodType, path: string): readonly Setting[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, member]) =>
      settingsOf(member as z.ZodType, path === '' ? key : `${path}.${key}`),
    );
  }
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) {
    return membersOf(schema.element, `${path}[]`);
  }
  return [];
}

interface Unwrapped {
  readonly inner: z.ZodType;
  readonly fallback: string | undefined;
  readonly isOptional: boolean;
}

/** A schema without what only says whether it must be given. */
function unwrapped(schema: z.ZodType): Unwrapped {
  let inner = schema;
  let fallback: string | undefined;
  let isOptional = false;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
    if (inner instanceof z.ZodOptional) isOptional = true;
    else fallback ??= JSON.stringify(inner.def.defaultValue);
    inner = inner.unwrap() as z.ZodType;
  }
  return { inner, fallback, isOptional };
}

function wordsOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodArray && schema.description === undefined) {
    return `a list of: ${wordsOf(schema.element as z.ZodType)}`;
  }
  const words = allowed(schema);
  if (words !== undefined) return words;
  if (schema instanceof z.ZodUnion)
    return (schema.options as readonly z.ZodType[]).map(wordsOf).join(', or ');
  if (schema instanceof z.ZodLiteral) return [...schema.values].join(', ');
  if (schema instanceof z.ZodRecord) return `a map; keys: ${wordsOf(schema.keyType as z.ZodType)}`;
  if (schema instanceof z.ZodPipe) return wordsOf(schema.in as z.ZodType);
  return textIn(schema);
}

/** The message of a text's rule says in words what is allowed. */
function textIn(schema: z.ZodType): string {
  const rejected = schema.safeParse('');
  const message = rejected.success ? undefined : rejected.error.issues[0]?.message;
  return message === undefined || /^(?:Too small|Invalid)/.test(message) ? 'text' : message;
}

/** The whole page. */
export function settingsPage(): string {
  return `${[
    '# Settings',
    '',
    'Written by `npm run docs:settings` from the schemas in `config/`; a test compares the two.',
    '',
    '## Environments',
    '',
    'Files in `config/environments/`, or a YAML file of your own: `--env FILE`. A flag (`--set redis.maxmemory=1gb`) wins over a',
    'variable, a variable over the file, the file over the default. Units stand last in every name.',
    '',
    ...tableOf(settingsOf(settingsSchema)),
    '',
    '## Variables',
    '',
    'Variables of the process, or lines of `.env` in the working directory; a variable of the process wins. `environment` ones are laid',
    'over the settings above; `connection` ones say where an application finds Redis, `application` ones are its switches.',
    '',
    '| variable | for | meaning | setting |',
    '|---|---|---|---|',
    ...Object.entries(VARIABLES).map(
      ([name, { serves, meaning }]) => `| \`${name}\` | ${serves} | ${cell(meaning)} | ${settingOf(name)} |`,
    ),
    '',
    '## Gates',
    '',
    'The file `config/gates.yaml`: the criteria of a go or no-go, and their waivers.',
    '',
    ...tableOf(settingsOf(gatesSchema)),
    '',
  ].join('\n')}`;
}

function tableOf(settings: readonly Setting[]): readonly string[] {
  return [
    '| setting | values | default | meaning |',
    '|---|---|---|---|',
    ...settings.map((setting) => {
      const fallback = setting.default === undefined ? 'required' : code(setting.default);
      const shown = setting.isGroup ? '' : fallback;
      return `| ${code(setting.path)} | ${cell(setting.allowed)} | ${shown} | ${cell(setting.meaning ?? '')} |`;
    }),
  ];
}

function settingOf(variable: string): string {
  const found = ENVIRONMENT_SETTINGS.find(({ name }) => name === variable);
  return found === undefined ? '' : code(found.path);
}

function code(text: string): string {
  return text === 'none' ? 'none' : `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
