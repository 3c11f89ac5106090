import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { polyfill } from '../../config/es2024.ts';

const promise: Partial<PromiseConstructor> = {};
const map: Partial<MapConstructor> = {};
polyfill(promise, map);

it('groups items by key in the order of their first occurrence, like Map.groupBy', () => {
  const lengths = (groupBy = map.groupBy) => [...(groupBy?.(['a', 'bb', 'c'], (word) => word.length) ?? [])];
  expect(lengths()).toEqual([
    [1, ['a', 'c']],
    [2, ['bb']],
  ]);
  expect(lengths()).toEqual([...Map.groupBy(['a', 'bb', 'c'], (word) => word.length)]);
});

it('resolves and rejects a promise from outside, like Promise.withResolvers', async () => {
  // Like the native function, this one needs the constructor as `this`.
  const make = () => (promise as PromiseConstructor).withResolvers.call(Promise);
  const kept = make();
  kept.resolve(7);
  expect(await kept.promise).toBe(7);
  const broken = make();
  broken.reject(new Error('no'));
  await expect(broken.promise).rejects.toThrow('no');
});

it('does not replace existing functions', () => {
  const native = { withResolvers: Promise.withResolvers };
  polyfill(native, {});
  expect(native.withResolvers).toBe(Promise.withResolvers);
});

it('is imported by every module that starts a thread or a process', () => {
  const sources = ['harness', 'infra', 'scripts'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, path)),
  );
  const entries = sources.flatMap((path) => {
    const text = readFileSync(path, 'utf8');
    const started = [...text.matchAll(/moduleUrl\('([^']+)'/g)].map(
      ([, name]) => `${join(dirname(path), name ?? '')}.ts`,
    );
    return /process\.argv/.test(text) ? [path, ...started] : started;
  });
  expect(new Set(entries).size).toBeGreaterThan(8);
  const without = entries.filter(
    (path) => !/import '[./]+config\/es2024\.ts';/.test(readFileSync(path, 'utf8')),
  );
  expect(without).toEqual([]);
});
