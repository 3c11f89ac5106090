import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatesSchema } from '../../config/gates.ts';
import { environmentNames, loadEnvironment } from '../../config/load.ts';
import { settingsSchema } from '../../config/settings.ts';
import { settingsOf, settingsPage } from '../../tools/settings/settings-page.ts';

describe('docs/settings.md', () => {
  it('is generated from the schemas; `npm run docs:settings` writes it', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/settings.md'), 'utf8');
    expect(page).toBe(settingsPage());
  });

  it('has a meaning and the allowed values of every setting', () => {
    const all = [...settingsOf(settingsSchema), ...settingsOf(gatesSchema)];
    expect(all.length).toBeGreaterThan(90);
    expect(all.filter(({ meaning }) => !meaning?.endsWith('.') && !meaning?.endsWith('…'))).toEqual([]);
    expect(
      all.filter(({ isGroup, allowed }) => !isGroup && (allowed === '' || allowed === 'a value')),
    ).toEqual([]);
  });

  it('has every setting of a resolved environment', () => {
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

describe('an error of a configuration', () => {
  it('points to the page', () => {
    expect(() => loadEnvironment('dev', { 'redis.maxmemory': 'much' }, new Map())).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('docs/settings.md') }),
    );
  });
});
