/** The commands on cached data on a local environment with sentinels: found by its name, with its own credentials. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { openCacheData } from '../../scripts/cache/cache-data.ts';
import type { CacheStatistics } from '../../scripts/cache/cache-statistics.ts';
import type { TopView } from '../../scripts/cache/node-view.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { callKit } from '../support/kit-call.ts';

let cli: CliHarness;
let file: string;
beforeAll(async () => {
  cli = new CliHarness();
  file = cli.writeEnvironment('stocked', { 'client.namespace': 'stock' });
  process.env.KIT_STATE_DIR = join(cli.path, '.kit');
  const { exitCode, err } = await callKit('up', '--env', file, '--json');
  expect(exitCode, err).toBe(EXIT.GO);
});
afterAll(async () => {
  delete process.env.KIT_STATE_DIR;
  await cli[Symbol.asyncDispose]();
});

const onEnvironment = (command: string, ...args: string[]) => callKit(command, '--env', file, ...args);

describe('the commands on a local environment', () => {
  it('warm it with a module of the application, through the app user', async () => {
    const module = cli.writeFile(
      'warming.mjs',
      "export const strategies = [{ name: 'parts', tags: ['parts'], generate: () => Array.from({ length: 40 }, (_, i) => ['part:' + i, { i }]) }];",
    );
    const { exitCode, out, err } = await onEnvironment('warm', '--module', module);
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toContain('stocked: 40 entries warmed by 1 strategies');
  });

  it('show its keys by domain, and decode an entry', async () => {
    const { keys, substrate } = JSON.parse(
      (await onEnvironment('cache-stats', '--json')).out,
    ) as CacheStatistics;
    expect(substrate).toBe('local');
    const stock = keys?.namespaces.find(({ namespace }) => namespace === 'stock');
    expect(stock?.domains[0]).toMatchObject({ domain: 'part', keys: 40 });
    const { exitCode, out } = await onEnvironment('cache-inspect', 'part:7', '--tag', 'parts');
    expect(exitCode).toBe(EXIT.GO);
    expect(out).toMatch(/tag +parts: version [0-9a-f]{16}, valid/);
  });

  it('show its nodes with their roles and lag, and what the sentinels report', async () => {
    const { nodes, state } = JSON.parse((await onEnvironment('top', '--json')).out) as TopView;
    expect(nodes.map(({ id, role }) => [id, role])).toEqual([
      ['redis-1', 'master'],
      ['redis-2', 'replica'],
      ['redis-3', 'replica'],
    ]);
    expect(nodes.slice(1).every(({ lagBytes }) => lagBytes !== null)).toBe(true);
    expect(state).toContain('redis-1');
  });

  it('clear it by tag, and delete nothing in a dry run', async () => {
    const dry = JSON.parse((await onEnvironment('cache-clear', '--tag', 'parts', '--dry-run', '--json')).out);
    expect(dry).toMatchObject({ found: 40, cleared: false });
    const cleared = await onEnvironment('cache-clear', '--tag', 'parts', '--yes');
    expect(cleared.exitCode, cleared.err).toBe(EXIT.GO);
    await using data = await openCacheData({ env: file, set: {} });
    const cache = data.openCache();
    expect(await cache.get('part:7')).toBeUndefined();
    await cache.close();
  });

  it('compare its use with its settings', async () => {
    const { out } = await onEnvironment('sizing');
    expect(out).toMatch(/redis\.maxmemory: (256mb -> 16mb|keep 256mb)/);
    expect(out).toContain('redis.maxmemoryPolicy: keep allkeys-lru');
  });
});
