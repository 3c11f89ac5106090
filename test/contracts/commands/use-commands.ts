/** `kit warm`, `top`, `sizing` and `savings` in any environment. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import type { MeasuredSavings } from '../../../scripts/cache/measured-savings.ts';
import type { TopView } from '../../../scripts/cache/node-view.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { jsonOf, NAMESPACE, type OpenPlace } from './place.ts';

/**
 * An application module with two strategies: 5 users with a tag, then 30 prices in batches of 10 with a TTL of 50 s.
 */
export const STRATEGIES = `
const entries = (name, count) => Array.from({ length: count }, (_, i) => [name + ':' + i, { i }]);
export const strategies = [
  { name: 'prices', priority: 2, batchSize: 10, delaySeconds: 0, ttlSeconds: 50, generate: () => entries('price', 30) },
  { name: 'users', priority: 1, tags: ['users'], generate: () => entries('user', 5) },
];`;

function emptyBeforeEach(get: () => OpenPlace): void {
  beforeEach(async () => {
    await get().admin.flushall();
  });
}

function moduleOf({ dir }: OpenPlace, name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

export function warmCommand(get: () => OpenPlace): void {
  describe('kit warm', () => {
    emptyBeforeEach(get);

    it('runs all strategies by priority, with progress', async () => {
      const { cache, data, on } = get();
      const module = moduleOf(get(), 'all.mjs', STRATEGIES);
      const { exitCode, out, err } = await on('warm', '--module', module);
      expect(exitCode, err).toBe(EXIT.GO);
      expect(out).toContain(`${data.name}: entries warmed: 35, strategies: 2`);
      expect(out).toMatch(/\nusers +5 warmed .*\nprices +30 warmed /);
      expect(err).toMatch(/users: started[\s\S]*prices: 10 warmed\n[\s\S]*prices: 30 warmed\n/);
      expect(await cache.get('price:29')).toEqual({ i: 29 });
      expect(await cache.ttl('price:29')).toBeLessThanOrEqual(50);
      await cache.invalidateTags('users');
      expect(await cache.get('user:1')).toBeUndefined();
    });

    it('runs one strategy from a module that exports a function taking the cache', async () => {
      const { cache, on } = get();
      const module = moduleOf(
        get(),
        'one.mjs',
        "export default async (cache) => [{ name: 'one', generate: () => [['key', cache.physicalKey('key')]] }, { name: 'two', generate: () => [['x', 1]] }];",
      );
      const report = await jsonOf(on('warm', 'one', '--module', module, '--json'));
      expect(report).toMatchObject({
        strategies: [{ strategy: 'one', warmed: 1, failed: 0, error: null }],
      });
      expect(await cache.get('key')).toBe(`${NAMESPACE}:key`);
      expect(await cache.get('x')).toBeUndefined();
    });

    it('lists the strategies without running them', async () => {
      const { admin, on } = get();
      const module = moduleOf(get(), 'list.mjs', STRATEGIES);
      const { out } = await on('warm', '--module', module, '--list');
      expect(out).toMatch(/2 strategies\nusers +priority 1 +TTL 3600 s .*\nprices +priority 2 +TTL 50 s/);
      expect(await jsonOf(on('warm', '--module', module, '--list', '--json'))).toMatchObject({
        strategies: [
          { name: 'users', tags: ['users'] },
          { name: 'prices', ttlSeconds: 50 },
        ],
      });
      expect(await admin.dbsize()).toBe(0);
    });

    it('exits with 1 if a generator fails, and shows its error', async () => {
      const module = moduleOf(
        get(),
        'fails.mjs',
        "export const strategies = [{ name: 'bad', generate: () => { throw new Error('no database'); } }];",
      );
      const { exitCode, out } = await get().on('warm', '--module', module);
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toMatch(/bad +0 warmed, 1 failed .* no database/);
    });
  });
}

export function topCommand(get: () => OpenPlace): void {
  describe('kit top', () => {
    it('prints one frame without a terminal, with every node, its role and its lag', async () => {
      const { on, place } = get();
      const { exitCode, out } = await on('top');
      expect(exitCode).toBe(EXIT.GO);
      for (const { id, role, address } of place.nodes) {
        const lag = role === 'master' ? '- ' : '\\d+(?:\\.\\d+)? \\w+, \\d+ s ';
        expect(out).toMatch(new RegExp(`${id} +${address} +${role} +${lag}`));
      }
    });

    it('reports the same data as JSON, with the state that the sentinels report', async () => {
      const { on, place } = get();
      const { nodes, state, substrate } = await jsonOf<TopView>(on('top', '--json'));
      expect(substrate).toBe(place.substrate);
      expect(nodes.map(({ id, role, address }) => ({ id, role, address }))).toEqual(place.nodes);
      const [master, ...replicas] = nodes;
      expect(master).toMatchObject({ lagBytes: null, maxBytes: 256 * 1024 ** 2 });
      expect(replicas.every(({ lagBytes }) => lagBytes !== null)).toBe(true);
      if (place.substrate === 'external') expect(state).toBeNull();
      else expect(state).toContain('redis-1');
    });
  });
}

interface SizingView {
  readonly need: { readonly known: boolean; readonly bytesPerMaster: number };
  readonly advice: readonly { readonly setting: string; readonly recommended: string | null }[];
  readonly file: string;
  readonly applied: boolean;
}

export function sizingCommand(get: () => OpenPlace): void {
  describe('kit sizing', () => {
    emptyBeforeEach(get);

    it('compares the measured need with the environment settings', async () => {
      const { cache, on } = get();
      const docs = Array.from({ length: 200 }, (_, i) => [`doc:${i}`, 'x'.repeat(1_000)] as const);
      await cache.setMany(new Map(docs), { ttlSeconds: null, tags: ['docs'] });
      const { exitCode, out, err } = await on('sizing');
      expect(exitCode, err).toBe(EXIT.GO);
      expect(out).toMatch(/shop:doc {2}200 keys now, 200 at the peak, 1\.\d KB each, TTL -/);
      expect(out).toMatch(/redis\.maxmemory: 256mb -> \d+mb\n {2}\d+ B fixed \+ \(doc: 200 keys x \d+ B/);
      expect(out).toContain('redis.maxmemoryPolicy: keep allkeys-lru');
      const { need, advice, file, applied } = await jsonOf<SizingView>(on('sizing', '--json'));
      expect(need.known).toBe(true);
      expect(need.bytesPerMaster).toBeGreaterThan(200_000);
      expect(advice.map(({ setting }) => setting)).toEqual([
        'redis.maxmemory',
        'redis.maxmemoryPolicy',
        'client.defaultTtlSeconds',
        'redis.extra.maxclients',
      ]);
      expect(file).toContain('.yaml');
      expect(applied).toBe(false);
    });

    it('reports the need of an empty cache as unknown, with exit code 3', async () => {
      const { exitCode, out } = await get().on('sizing', '--json');
      expect(exitCode).toBe(EXIT.UNKNOWN);
      expect(JSON.parse(out)).toMatchObject({ need: { known: false } });
    });
  });
}

export function savingsCommand(get: () => OpenPlace): void {
  describe('kit savings', () => {
    emptyBeforeEach(get);

    it('computes the savings from the reads on the server and the loads recorded in the entries', async () => {
      const { admin, cache, on } = get();
      for (let i = 0; i < 5; i += 1)
        await cache.getOrCompute(`slow:${i}`, () => sleep(40, i), { graceSeconds: 60 });
      await waitUntil('the entries are stored', async () => (await admin.dbsize()) >= 5);
      await admin.config('RESETSTAT');
      for (let i = 0; i < 80; i += 1) await admin.get(`${NAMESPACE}:slow:${i % 4}`);
      for (let i = 0; i < 20; i += 1) await admin.get('absent');
      const { exitCode, out, err } = await on('savings', '--json', '--cost-per-call', '0.5');
      expect(exitCode, err).toBe(EXIT.GO);
      const measured = JSON.parse(out) as MeasuredSavings;
      expect(measured).toMatchObject({ reads: 100, hits: 80, hitRatio: 0.8, loadsMeasured: 5 });
      expect(measured.loadMs).toBeGreaterThanOrEqual(39);
      const { queriesPerHour, savedMsPerHit } = measured;
      expect(measured.computeHoursPerYear).toBeCloseTo(
        (queriesPerHour * 0.8 * savedMsPerHit * 8760) / 3_600_000,
        3,
      );
      expect(measured.costSavedPerYear).toBeCloseTo(queriesPerHour * 0.8 * 8760 * 0.5, 3);
    });

    it('reports the savings as unknown without a recorded load, unless the duration of a load is given', async () => {
      const { cache, on } = get();
      await cache.set('plain', 1);
      await cache.get('plain');
      const { exitCode, err } = await on('savings');
      expect(exitCode).toBe(EXIT.UNKNOWN);
      expect(err).toContain(`no entry of namespace ${NAMESPACE} has a recorded load`);
      const { out } = await on('savings', '--load-ms', '150');
      expect(out).toMatch(/load +150 ms \(given\)/);
      expect(out).toMatch(/arithmetic +[\d.]+ queries\/h x [\d.]+ hits x [\d.]+ ms x 8760 h\/year/);
    });
  });
}
