import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatesSchema } from '../../config/gates.ts';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import { projectSchema } from '../../config/project.ts';
import { settingsSchema } from '../../config/settings.ts';
import { jsonSchemas } from '../../tools/settings/json-schemas.ts';
import { settingsOf, settingsPage } from '../../tools/settings/settings-page.ts';

describe('docs/settings.md', () => {
  it('is generated from the schemas; `npm run docs:settings` writes it', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/settings.md'), 'utf8');
    expect(page).toBe(settingsPage());
  });

  it('states the meaning and the allowed values of every setting', () => {
    const all = [settingsSchema, gatesSchema, projectSchema].flatMap((schema) => settingsOf(schema));
    expect(all.length).toBeGreaterThan(90);
    expect(all.filter(({ meaning }) => !meaning?.endsWith('.') && !meaning?.endsWith('…'))).toEqual([]);
    expect(
      all.filter(({ isGroup, allowed }) => !isGroup && (allowed === '' || allowed === 'a value')),
    ).toEqual([]);
  });

  it('contains every setting of a resolved environment', () => {
    const paths = new Set(settingsOf(settingsSchema).map(({ path }) => path));
    const leaves = (value: unknown, path: string): readonly string[] =>
      paths.has(path) && (typeof value !== 'object' || Array.isArray(value))
        ? [path]
        : Object.entries(value as object).flatMap(([key, inner]) =>
            leaves(inner, path === '' ? key : `${path}.${key}`),
          );
    const free = /^(?:redis\.extra|durability\.durableWrites)\./;
    for (const name of environmentNames()) {
      const unknown = leaves(loadEnvironment(name, {}, new Map()), '').filter((path) => !paths.has(path));
      expect(
        unknown.filter((path) => !free.test(path)),
        name,
      ).toEqual([]);
    }
  });
});

describe('docs/schemas/', () => {
  const DIRECTORY = join(import.meta.dirname, '../../docs/schemas');

  it('is generated from the schemas; `npm run docs:settings` writes it', () => {
    const schemas = jsonSchemas();
    expect(readdirSync(DIRECTORY).sort()).toEqual([...schemas.keys()].sort());
    for (const [name, text] of schemas) expect(readFileSync(join(DIRECTORY, name), 'utf8'), name).toBe(text);
  });

  it('describes every setting of an environment, and requires none if the environment extends another', () => {
    const schema = JSON.parse(jsonSchemas().get('environment.schema.json') ?? '');
    const settings = settingsOf(settingsSchema);
    for (const { path, meaning } of settings) {
      const at = path.split('.').reduce((node, key) => {
        const inner = (node?.items ?? node)?.properties;
        return inner?.[key.replace('[]', '')];
      }, schema);
      expect(at?.description, path).toContain(meaning);
    }
    expect(schema.required).toEqual(['name']);
    expect(schema.anyOf[1].properties.redis.required).toContain('maxmemory');
    expect(JSON.stringify(schema.properties.redis)).not.toContain('"required"');
  });

  it('allows only the settings of an environment file for an environment in kit.yaml', () => {
    const [kit, environment] = ['kit', 'environment'].map((name) =>
      JSON.parse(jsonSchemas().get(`${name}.schema.json`) ?? ''),
    );
    const own = kit.properties.environments.additionalProperties;
    expect(own.properties).toEqual(environment.properties);
    expect([own.additionalProperties, kit.additionalProperties]).toEqual([false, false]);
  });
});

describe('a configuration error', () => {
  it('has a hint with the path of the documentation page', () => {
    expect(() => loadEnvironment('dev', { 'redis.maxmemory': 'much' }, new Map())).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('docs/settings.md') }),
    );
  });
});
