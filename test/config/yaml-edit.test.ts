/** Edits to settings in an environment file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { editSettings } from '../../config/yaml-edit.ts';

const FOLDER = join(import.meta.dirname, '../../config/environments');
const textOf = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const DEV = textOf('dev.yaml');
const edit = (changes: Readonly<Record<string, string>>, text = DEV) =>
  editSettings(text, 'dev.yaml', new Map(Object.entries(changes)));

describe('editSettings', () => {
  it('replaces a value, and changes no other byte of any built-in environment', () => {
    for (const name of readdirSync(FOLDER)) {
      const before = textOf(name);
      const { after, difference } = edit({ 'redis.maxmemory': '768mb' }, before);
      expect(difference).toHaveLength(2);
      expect(difference[1]).toMatch(/^\+ {3}maxmemory: 768mb/);
      const restored = after.replace('maxmemory: 768mb', /maxmemory: \S+/.exec(before)?.[0] ?? '');
      expect(restored).toBe(before);
    }
  });

  it('keeps the comment after a value', () => {
    const text = DEV.replace('maxmemory: 256mb', 'maxmemory: 256mb # measured');
    expect(edit({ 'redis.maxmemory': '512mb' }, text).after).toContain('maxmemory: 512mb # measured\n');
  });

  it('adds a missing setting after the last setting of its map', () => {
    const { difference } = edit({ 'redis.extra.maxclients': '20000', 'redis.maxmemory': '512mb' });
    expect(difference).toEqual([
      '-   maxmemory: 256mb',
      '+   maxmemory: 512mb',
      '+   extra: { maxclients: 20000 }',
    ]);
  });

  it('adds a setting to a map on one line, and to a map on several lines', () => {
    const flow = DEV.replace('  activedefrag: true', '  activedefrag: true\n  extra: { hz: 20 }');
    expect(edit({ 'redis.extra.maxclients': '5' }, flow).after).toContain(
      'extra: { hz: 20, maxclients: 5 }\n',
    );
    const block = DEV.replace('  activedefrag: true', '  activedefrag: true\n  extra:\n    hz: 20');
    expect(edit({ 'redis.extra.maxclients': '5' }, block).after).toContain('    hz: 20\n    maxclients: 5\n');
  });

  it('adds two settings that need a new map, and adds one setting to the inner of two maps written on one line', () => {
    const text = 'environments:\n  shop: { extends: dev, redis: { extra: { hz: 20 }}}\n';
    const at = ['environments', 'shop'];
    const client = new Map([
      ['client.defaultTtlSeconds', '60'],
      ['client.namespace', 'shop'],
    ]);
    expect(editSettings(text, 'kit.yaml', client, at).after).toContain(
      ', client: { defaultTtlSeconds: 60, namespace: shop }}\n',
    );
    const inner = new Map([['redis.extra.maxclients', '5']]);
    expect(editSettings(text, 'kit.yaml', inner, at).after).toContain('extra: { hz: 20, maxclients: 5 }}}');
  });

  it.each([
    ['an alias', 'base: &base { maxmemory: 1mb }\nredis: *base\n'],
    ['an empty map', 'redis:\n'],
    ['a map that ends with a comment', 'redis: { port: 7000 # of this machine\n  }\n'],
  ])('refuses to change %s, and states what to set', (_what, text) => {
    expect(() => edit({ 'redis.maxmemory': '512mb' }, text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_EDITABLE', hint: expect.stringContaining('512mb') }),
    );
  });

  it('changes an environment in kit.yaml at its path in the file', () => {
    const text =
      'environments:\n  shop:\n    extends: dev # base\n    redis:\n      port: 7000\n  other:\n    extends: dev\n';
    const changes = new Map([
      ['redis.maxmemory', '512mb'],
      ['client.defaultTtlSeconds', '60'],
    ]);
    expect(editSettings(text, 'kit.yaml', changes, ['environments', 'shop']).difference).toEqual([
      '+       maxmemory: 512mb',
      '+     client: { defaultTtlSeconds: 60 }',
    ]);
  });
});
