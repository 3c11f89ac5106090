/** `kit cache-stats`, `cache-clear` and `cache-inspect` in any environment. */
import { beforeEach, describe, expect, it } from 'vitest';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import type { Cache } from '../../../client/index.ts';
import { EXIT } from '../../../config/errors.ts';
import type { CacheStatistics } from '../../../scripts/cache/cache-statistics.ts';
import type { InspectedKey } from '../../../scripts/cache/key-inspection.ts';
import { kit } from '../../../scripts/program.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { argsOf, jsonOf, NAMESPACE, type OpenPlace } from './place.ts';

/** Number of keys after `fill`: 100 entries, the version of a tag, and a key in another namespace. */
export const FILLED = 102;

/** Writes 60 users with a tag, 40 prices, and a key in another namespace. */
export async function fill(cache: Cache): Promise<void> {
  const entries = (name: string, count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [`${name}:${i}`, { i, text: 'x'.repeat(100) }]));
  await cache.setMany(entries('user', 60), { tags: ['users'] });
  await cache.setMany(entries('price', 40));
  await cache.connection?.call('SET', 'other:key', 'kept');
}

function fillBeforeEach(get: () => OpenPlace): void {
  beforeEach(async () => {
    const { admin, cache } = get();
    await admin.flushall();
    // Until the cache receives the invalidation caused by the flush, it writes entries with the previous version of
    // the tag.
    await waitUntil('the entries and the version of their tag', async () => {
      await fill(cache);
      return (await admin.dbsize()) === FILLED;
    });
  });
}

export function statsCommand(get: () => OpenPlace): void {
  describe('kit cache-stats', () => {
    fillBeforeEach(get);

    it('counts keys by namespace and domain, with their memory', async () => {
      const { admin, on, place } = get();
      const { keys, total, substrate, mode } = await jsonOf<CacheStatistics>(on('cache-stats', '--json'));
      expect(substrate).toBe(place.substrate);
      expect(mode).not.toBe('cluster');
      expect(keys).toMatchObject({ total: FILLED, sampled: FILLED, complete: true });
      const shop = keys?.namespaces.find(({ namespace }) => namespace === NAMESPACE);
      expect(shop?.domains.map(({ domain, keys: n }) => [domain, n])).toEqual([
        ['user', 60],
        ['price', 40],
        ['~tag', 1],
      ]);
      const used = Number(await admin.call('MEMORY', 'USAGE', `${NAMESPACE}:price:7`));
      expect(shop?.domains[1]?.bytes).toBeCloseTo(40 * used, -3);
      expect(total).toMatchObject({ keys: FILLED, maxBytes: 256 * 1024 ** 2, policy: 'allkeys-lru' });
    });

    it('shows the shared counters of the clients', async () => {
      const { cache, on } = get();
      const statistics = new SharedStatistics(cache);
      await cache.getMany(['user:1', 'user:2', 'absent:1']);
      await statistics.close();
      const { shared } = await jsonOf<CacheStatistics>(on('cache-stats', '--json'));
      expect(shared).toMatchObject({ hits: 2, misses: 1 });
      const { out } = await on('cache-stats');
      expect(out).toMatch(/all clients +66\.7 % \(2 hits, 1 misses/);
    });

    it('prints one JSON value per line with --watch until it is interrupted', async () => {
      const streams = recordStreams();
      const interruption = new AbortController();
      const args = ['cache-stats', '--watch', '1', '--json', ...argsOf(get().place)];
      const running = kit(args, streams, interruption.signal);
      await waitUntil('two frames', () => streams.out().split('\n').length > 2);
      interruption.abort(new Error('interrupted'));
      expect(await running).toBe(EXIT.INTERRUPTED);
      const [first, second] = streams.out().split('\n');
      for (const line of [first, second]) {
        expect(JSON.parse(line ?? '')).toMatchObject({ db: 0, keys: { total: FILLED } });
      }
    });
  });
}

export function clearCommand(get: () => OpenPlace): void {
  describe('kit cache-clear', () => {
    fillBeforeEach(get);

    it('only counts keys in a dry run', async () => {
      const { admin, on } = get();
      const report = await jsonOf(on('cache-clear', '--pattern', 'user:*', '--dry-run', '--json'));
      expect(report).toMatchObject({ found: 60, deleted: null, cleared: false });
      expect(await admin.dbsize()).toBe(FILLED);
    });

    it('refuses to delete without a terminal and without --yes', async () => {
      const { admin, on } = get();
      const { exitCode, err } = await on('cache-clear', '--pattern', 'user:*');
      expect(exitCode).toBe(EXIT.USAGE);
      expect(err).toContain('60 entries: the deletion must be confirmed');
      expect(await jsonOf(on('cache-clear', '--pattern', 'user:*', '--json'))).toMatchObject({
        error: { code: 'CLEAR_UNCONFIRMED' },
      });
      expect(await admin.dbsize()).toBe(FILLED);
    });

    it('deletes the entries that match a pattern', async () => {
      const { cache, on } = get();
      const report = await jsonOf(on('cache-clear', '--pattern', 'user:*', '--yes', '--json'));
      expect(report).toMatchObject({ found: 60, deleted: 60, cleared: true });
      expect((await cache.getMany(['price:1', 'user:1'])).size).toBe(1);
    });

    it('deletes a namespace with its internal keys, and no key in another namespace', async () => {
      const { admin, on } = get();
      const report = await jsonOf(on('cache-clear', '--all', '--yes', '--json'));
      expect(report).toMatchObject({ found: 100, internal: 1, deleted: 100 });
      expect(await admin.keys('*')).toEqual(['other:key']);
    });

    it('invalidates the entries of a tag for a running client, and counts them', async () => {
      const { cache, on } = get();
      expect(await cache.get('user:1')).toMatchObject({ i: 1 });
      const dry = await jsonOf(on('cache-clear', '--tag', 'users', '--dry-run', '--json'));
      expect(dry).toMatchObject({ found: 60, cleared: false });
      const report = await jsonOf(on('cache-clear', '--tag', 'users', '--yes', '--json'));
      expect(report).toMatchObject({ found: 60, cleared: true });
      await waitUntil('a miss', async () => (await cache.get('user:1')) === undefined);
      expect(await cache.get('price:1')).toMatchObject({ i: 1 });
      expect(await jsonOf(on('cache-clear', '--tag', 'users', '--dry-run', '--json'))).toMatchObject({
        found: 0,
      });
    });
  });
}

export function inspectCommand(get: () => OpenPlace): void {
  describe('kit cache-inspect', () => {
    fillBeforeEach(get);

    it('decodes an entry: codec, TTL, age, tags and value', async () => {
      const { cache, on } = get();
      await cache.set('item', { price: 7 }, { ttlSeconds: 100, tags: ['users', 'items'] });
      const { exitCode, out } = await on('cache-inspect', 'item', '--tag', 'items', '--value', '--json');
      expect(exitCode).toBe(EXIT.GO);
      const shown = JSON.parse(out) as InspectedKey & { value: unknown };
      expect(shown).toMatchObject({
        key: `${NAMESPACE}:item`,
        type: 'string',
        value: { price: 7 },
        entry: { codec: 'json', unreadable: null, intact: true, payloadBytes: 11 },
      });
      expect(shown.ttlMs).toBeGreaterThan(60_000);
      // The default TTL is 300 s.
      expect(shown.ageMs).toBeGreaterThan(199_000);
      expect(shown.entry?.tags.map(({ name, valid }) => [name, valid])).toEqual([
        [null, true],
        ['items', true],
      ]);
      expect((await on('cache-inspect', 'item', '--tag', 'items')).out).toMatch(
        /tag +items: version [0-9a-f]{16}, valid/,
      );
    });

    it('shows that a tag was invalidated, with exit code 1', async () => {
      const { cache, on } = get();
      await cache.invalidateTags('users');
      const { exitCode, out } = await on('cache-inspect', 'user:1', '--tag', 'users');
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toMatch(/entry +a miss: a tag was invalidated/);
      expect(out).toMatch(/tag +users: version [0-9a-f]{16}, invalidated/);
      const json = await on('cache-inspect', 'user:1', '--tag', 'users', '--json');
      expect(json.exitCode).toBe(EXIT.NO_GO);
      expect(JSON.parse(json.out)).toMatchObject({ exists: true, entry: { unreadable: 'tag' } });
    });

    it('reports that a key does not exist, with exit code 1', async () => {
      const { on } = get();
      const { exitCode, out } = await on('cache-inspect', 'absent');
      expect(exitCode).toBe(EXIT.NO_GO);
      expect(out).toContain(`${NAMESPACE}:absent: no such key`);
      const json = await on('cache-inspect', 'absent', '--json');
      expect(json.exitCode).toBe(EXIT.NO_GO);
      expect(JSON.parse(json.out)).toMatchObject({ exists: false, value: null });
    });
  });
}
