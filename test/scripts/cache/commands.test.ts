/** `kit cache-stats`, `cache-clear` and `cache-inspect` on an external Redis and on an external cluster. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { binaryCodec, type Cache, clusterCache, redisCache } from '../../../client/index.ts';
import { EXIT } from '../../../config/errors.ts';
import type { CacheStatistics } from '../../../scripts/cache/cache-statistics.ts';
import type { InspectedKey } from '../../../scripts/cache/key-inspection.ts';
import { kit } from '../../../scripts/program.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { callKit } from '../../support/kit-call.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

const NAMESPACE = 'shop';
let redis: RedisProcess;
let set: ClusterSet;
let cache: Cache;
let inCluster: Cache;
beforeAll(async () => {
  [redis, set] = await Promise.all([RedisProcess.start({ conf: ['maxmemory 64mb'] }), startCluster()]);
  cache = redisCache({ address: redis.address, namespace: NAMESPACE });
  inCluster = clusterCache({ nodes: [(set.nodes[0] as RedisProcess).address], namespace: NAMESPACE });
});
afterAll(async () => {
  await Promise.all([cache.close(), inCluster.close()]);
  await Promise.all([redis[Symbol.asyncDispose](), set[Symbol.asyncDispose]()]);
});

const at = ({ address: { host, port } }: RedisProcess): string => `${host}:${port}`;
const onServer = (...args: string[]) =>
  callKit(...args, '--url', `redis://${at(redis)}`, '--namespace', NAMESPACE);
const onCluster = (...args: string[]) =>
  callKit(...args, '--cluster', at(set.nodes[5] as RedisProcess), '--namespace', NAMESPACE);

async function jsonOf<T>(call: ReturnType<typeof callKit>): Promise<T> {
  const { out } = await call;
  return JSON.parse(out) as T;
}

async function emptyAll(): Promise<void> {
  await redis.admin().flushall();
  for (const node of set.nodes.slice(0, 3)) await node.admin().flushall();
}

/** 60 users with a tag, 40 prices, and a key of another namespace. */
async function fill(target: Cache): Promise<void> {
  const entries = (name: string, count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [`${name}:${i}`, { i, text: 'x'.repeat(100) }]));
  await target.setMany(entries('user', 60), { tags: ['users'] });
  await target.setMany(entries('price', 40));
  await target.connection?.call('SET', 'other:key', 'kept');
}

describe('kit cache-stats', () => {
  beforeEach(async () => {
    await emptyAll();
    await fill(cache);
  });

  it('counts keys by namespace and domain, with their memory', async () => {
    const { keys, total } = await jsonOf<CacheStatistics>(onServer('cache-stats', '--json'));
    expect(keys).toMatchObject({ total: 102, sampled: 102, complete: true });
    const shop = keys?.namespaces.find(({ namespace }) => namespace === NAMESPACE);
    expect(shop?.domains.map(({ domain, keys: n }) => [domain, n])).toEqual([
      ['user', 60],
      ['price', 40],
      ['~tag', 1],
    ]);
    const used = Number(await redis.admin().call('MEMORY', 'USAGE', `${NAMESPACE}:price:7`));
    expect(shop?.domains[1]?.bytes).toBeCloseTo(40 * used, -3);
    expect(total).toMatchObject({ keys: 102, maxBytes: 64 * 1024 ** 2, policy: 'noeviction' });
  });

  it('estimates the number of keys from a bounded sample', async () => {
    const pipeline = redis.admin().pipeline();
    for (let i = 0; i < 20_000; i += 1) pipeline.set(`${i % 4 === 0 ? 'big' : 'small'}:d:${i}`, 'v');
    await pipeline.exec();
    const { keys } = await jsonOf<CacheStatistics>(onServer('cache-stats', '--json', '--sample', '2000'));
    expect(keys).toMatchObject({ total: 20_102, complete: false });
    expect(keys?.sampled).toBeLessThan(2_600);
    const small = keys?.namespaces.find(({ namespace }) => namespace === 'small')?.keys ?? 0;
    expect(Math.abs(small - 15_000)).toBeLessThan(1_500);
  });

  it('shows the counters that the clients share', async () => {
    const statistics = new SharedStatistics(cache);
    await cache.getMany(['user:1', 'user:2', 'absent:1']);
    await statistics.close();
    const { shared } = await jsonOf<CacheStatistics>(onServer('cache-stats', '--json'));
    expect(shared).toMatchObject({ hits: 2, misses: 1 });
    const { out } = await onServer('cache-stats');
    expect(out).toMatch(/all clients +66\.7 % \(2 hits, 1 misses/);
  });

  it('adds up the masters of a cluster', async () => {
    await fill(inCluster);
    const { nodes, total, mode } = await jsonOf<CacheStatistics>(onCluster('cache-stats', '--json'));
    expect(mode).toBe('cluster');
    expect(nodes).toHaveLength(3);
    expect(total.keys).toBe(102);
    expect(nodes.every(({ keys }) => keys > 10)).toBe(true);
  });

  it('with --watch prints one JSON value per line until it is interrupted', async () => {
    const streams = recordStreams();
    const interruption = new AbortController();
    const args = ['cache-stats', '--watch', '1', '--json', '--url', `redis://${at(redis)}`];
    const running = kit(args, streams, interruption.signal);
    await waitUntil('two frames', () => streams.out().split('\n').length > 2);
    interruption.abort(new Error('interrupted'));
    expect(await running).toBe(EXIT.INTERRUPTED);
    const [first, second] = streams.out().split('\n');
    for (const line of [first, second]) expect(JSON.parse(line ?? '')).toMatchObject({ db: 0 });
  });

  it('with --watch on a terminal draws in place, and restores the screen when it is interrupted', async () => {
    const streams = recordStreams({ isTTY: true, columns: 40, rows: 6 });
    const interruption = new AbortController();
    const running = kit(
      ['cache-stats', '--watch', '1', '--url', `redis://${at(redis)}`],
      streams,
      interruption.signal,
    );
    await waitUntil('a frame', () => streams.out().includes('keys'));
    interruption.abort(new Error('interrupted'));
    expect(await running).toBe(EXIT.INTERRUPTED);
    const out = streams.out();
    expect(out.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    expect(out.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    const [frame = ''] = out.split('\x1b[?2026h\x1b[H').slice(1);
    const lines = frame.split('\x1b[J')[0]?.split('\r\n') ?? [];
    expect(lines.length).toBeLessThan(6);
    for (const line of lines) expect(line.replace('\x1b[K', '').length).toBeLessThanOrEqual(40);
  });

  it('needs only INFO, DBSIZE, SCAN and reads', async () => {
    await redis
      .admin()
      .call(
        'ACL',
        'SETUSER',
        'reader',
        'on',
        '>secret',
        '~*',
        '-@all',
        '+@read',
        '+@connection',
        '+info',
        '+dbsize',
        '+memory|usage',
        '+role',
      );
    const { exitCode, err } = await callKit('cache-stats', '--url', `redis://reader:secret@${at(redis)}`);
    expect(exitCode, err).toBe(EXIT.GO);
  });
});

describe('kit cache-clear', () => {
  beforeEach(async () => {
    await emptyAll();
    await fill(cache);
    await fill(inCluster);
  });

  it('only counts in a dry run', async () => {
    const report = await jsonOf(onServer('cache-clear', '--pattern', 'user:*', '--dry-run', '--json'));
    expect(report).toMatchObject({ found: 60, deleted: null, cleared: false });
    expect(await redis.admin().dbsize()).toBe(102);
  });

  it('refuses to delete without a terminal and without --yes', async () => {
    const { exitCode, err } = await onServer('cache-clear', '--pattern', 'user:*');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toContain('60 entries: the deletion must be confirmed');
    expect(await redis.admin().dbsize()).toBe(102);
  });

  it('deletes the entries that match a pattern, on one server and on every master of a cluster', async () => {
    for (const on of [onServer, onCluster]) {
      const report = await jsonOf(on('cache-clear', '--pattern', 'user:*', '--yes', '--json'));
      expect(report).toMatchObject({ found: 60, deleted: 60, cleared: true });
    }
    expect((await cache.getMany(['price:1', 'user:1'])).size).toBe(1);
    expect((await inCluster.getMany(['price:1', 'user:1'])).size).toBe(1);
  });

  it('deletes a namespace with its internal keys, and no key of another one', async () => {
    for (const on of [onServer, onCluster]) {
      const report = await jsonOf(on('cache-clear', '--all', '--yes', '--json'));
      expect(report).toMatchObject({ found: 100, internal: 1, deleted: 100 });
    }
    expect(await redis.admin().keys('*')).toEqual(['other:key']);
    expect(await inCluster.connection?.call('GET', 'other:key')).toBe('kept');
  });

  it.each(['sho?', 'sh*', '[s]hop'])(
    'takes the glob characters of namespace %s literally',
    async (namespace) => {
      const own = redisCache({ address: redis.address, namespace });
      await own.set('user:1', 1);
      await own.close();
      const report = await jsonOf(
        callKit(
          'cache-clear',
          '--all',
          '--yes',
          '--json',
          '--url',
          `redis://${at(redis)}`,
          '--namespace',
          namespace,
        ),
      );
      expect(report).toMatchObject({ found: 1, deleted: 1 });
      expect(await redis.admin().dbsize()).toBe(102);
    },
  );

  it('names an invalid namespace in one line', async () => {
    const { exitCode, err } = await callKit(
      ...['cache-clear', '--all', '--yes', '--url', `redis://${at(redis)}`, '--namespace', 'shop:'],
    );
    expect([exitCode, err]).toEqual([
      EXIT.USAGE,
      expect.stringMatching(/^kit: namespace: must not end with ':'/m),
    ]);
    expect(err).not.toContain('    at ');
  });

  it('never sends FLUSHALL, FLUSHDB or KEYS', async () => {
    await redis.admin().config('RESETSTAT');
    await onServer('cache-clear', '--all', '--yes');
    expect(await redis.admin().info('commandstats')).not.toMatch(/cmdstat_(flushall|flushdb|keys|del):/);
  });

  it('makes the entries of a tag misses for a running client, and counts those that had it', async () => {
    for (const [on, client] of [
      [onServer, cache],
      [onCluster, inCluster],
    ] as const) {
      expect(await client.get('user:1')).toMatchObject({ i: 1 });
      const report = await jsonOf(on('cache-clear', '--tag', 'users', '--yes', '--json'));
      expect(report).toMatchObject({ found: 60, cleared: true });
      await waitUntil('a miss', async () => (await client.get('user:1')) === undefined);
      expect(await client.get('price:1')).toMatchObject({ i: 1 });
      expect(await jsonOf(on('cache-clear', '--tag', 'users', '--dry-run', '--json'))).toMatchObject({
        found: 0,
      });
    }
  });

  it('requires exactly one selection', async () => {
    expect((await onServer('cache-clear')).err).toContain('no entries selected');
    const both = await onServer('cache-clear', '--all', '--pattern', 'user:*');
    expect(both).toMatchObject({ exitCode: EXIT.USAGE });
    expect(both.err).toContain('mutually exclusive');
  });
});

describe('kit cache-inspect', () => {
  beforeEach(async () => {
    await emptyAll();
    await fill(cache);
    await fill(inCluster);
  });

  it('decodes an entry: codec, TTL, age, tags and value', async () => {
    await cache.set('item', { price: 7 }, { ttlSeconds: 100, tags: ['users', 'items'] });
    const { exitCode, out } = await onServer('cache-inspect', 'item', '--tag', 'items', '--value', '--json');
    expect(exitCode).toBe(EXIT.GO);
    const shown = JSON.parse(out) as InspectedKey & { value: unknown };
    expect(shown).toMatchObject({
      key: `${NAMESPACE}:item`,
      type: 'string',
      value: { price: 7 },
      entry: { codec: 'json', unreadable: null, intact: true, payloadBytes: 11 },
    });
    expect(shown.ttlMs).toBeGreaterThan(95_000);
    // The default TTL of dev is 300 s.
    expect(shown.ageMs).toBeGreaterThan(199_000);
    expect(shown.entry?.tags.map(({ name, valid }) => [name, valid])).toEqual([
      [null, true],
      ['items', true],
    ]);
  });

  it('shows that a tag was invalidated, with exit code 1', async () => {
    await cache.invalidateTags('users');
    const { exitCode, out } = await onServer('cache-inspect', 'user:1', '--tag', 'users');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toMatch(/entry +a miss: a tag was invalidated/);
    expect(out).toMatch(/tag +users: version [0-9a-f]{16}, invalidated/);
  });

  it('shows rich values of the binary codec', async () => {
    const entry = encodeEnvelope(new Map([['when', new Date(0)]]), { codec: binaryCodec });
    await redis.admin().call('SET', `${NAMESPACE}:rich`, entry);
    const { out } = await onServer('cache-inspect', 'rich');
    expect(out).toMatch(/codec +binary/);
    expect(out).toContain("Map(1) { 'when' => 1970-01-01T00:00:00.000Z }");
  });

  it('shows damaged entries and foreign values, with exit code 1', async () => {
    const key = `${NAMESPACE}:price:3`;
    await redis.admin().setrange(key, 30, '?');
    const damaged = await onServer('cache-inspect', 'price:3');
    expect(damaged).toMatchObject({ exitCode: EXIT.NO_GO });
    expect(damaged.out).toContain('damaged, the checksum differs');
    const foreign = await onServer('cache-inspect', '--raw', 'other:key');
    expect(foreign).toMatchObject({ exitCode: EXIT.NO_GO });
    expect(foreign.out).toContain('not an envelope of the client');
    expect(foreign.out).toContain('kept (raw)');
  });

  it('finds a key of any bytes by --raw', async () => {
    const key = Buffer.from([0xff, 0x00, 0x5c, 0x41]);
    await redis.admin().call('SET', key, createHash('sha256').update('x').digest());
    const { out } = await onServer('cache-inspect', '--raw', '\\xff\\x00\\\\A', '--json');
    expect(JSON.parse(out)).toMatchObject({ keyHex: 'ff005c41', exists: true, entry: null, valueBytes: 32 });
  });

  it('queries the master of the key in a cluster', async () => {
    for (const key of ['price:1', 'price:2', 'price:3', 'user:9']) {
      const { exitCode, out } = await onCluster('cache-inspect', key, '--json');
      expect(exitCode).toBe(EXIT.GO);
      expect(JSON.parse(out)).toMatchObject({ exists: true, slot: expect.any(Number) });
    }
  });

  it('shows a key that does not exist, with exit code 1', async () => {
    const { exitCode, out } = await onServer('cache-inspect', 'absent');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(out).toContain(`${NAMESPACE}:absent: no such key`);
  });
});
