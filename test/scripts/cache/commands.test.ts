/**
 * `kit cache-stats`, `cache-clear` and `cache-inspect` on an external cluster, and their limits and errors.
 * `test/contracts/commands/` tests the commands on all other targets.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../../client/envelope.ts';
import { binaryCodec, type Cache, clusterCache, redisCache } from '../../../client/index.ts';
import { EXIT } from '../../../config/errors.ts';
import type { CacheStatistics } from '../../../scripts/cache/cache-statistics.ts';
import { kit } from '../../../scripts/program.ts';
import { FILLED, fill } from '../../contracts/commands/key-commands.ts';
import { jsonOf, NAMESPACE } from '../../contracts/commands/place.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { callKit } from '../../support/kit-call.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { recordStreams } from '../../support/recorded-streams.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
let set: ClusterSet;
let cache: Cache;
let inCluster: Cache;
beforeAll(async () => {
  [redis, set] = await Promise.all([RedisProcess.start({ conf: ['maxmemory 64mb'] }), startCluster()]);
  cache = redisCache({ address: redis.address, namespace: NAMESPACE, ...PATIENT_LIMITS });
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

async function emptyAll(): Promise<void> {
  await redis.admin().flushall();
  for (const node of set.nodes.slice(0, 3)) await node.admin().flushall();
}

describe('kit cache-stats', () => {
  beforeEach(async () => {
    await emptyAll();
    await fill(cache);
  });

  it('estimates the number of keys from a bounded sample', async () => {
    const pipeline = redis.admin().pipeline();
    for (let i = 0; i < 20_000; i += 1) pipeline.set(`${i % 4 === 0 ? 'big' : 'small'}:d:${i}`, 'v');
    await pipeline.exec();
    const { keys } = await jsonOf<CacheStatistics>(onServer('cache-stats', '--json', '--sample', '2000'));
    expect(keys).toMatchObject({ total: 20_000 + FILLED, complete: false });
    expect(keys?.sampled).toBeLessThan(2_600);
    const small = keys?.namespaces.find(({ namespace }) => namespace === 'small')?.keys ?? 0;
    expect(Math.abs(small - 15_000)).toBeLessThan(1_500);
  });

  it('sums the figures of all masters of a cluster', async () => {
    await fill(inCluster);
    const { nodes, total, mode } = await jsonOf<CacheStatistics>(onCluster('cache-stats', '--json'));
    expect(mode).toBe('cluster');
    expect(nodes).toHaveLength(3);
    expect(total.keys).toBe(FILLED);
    expect(nodes.every(({ keys }) => keys > 10)).toBe(true);
  });

  it('redraws in place with --watch on a terminal, and restores the screen when it is interrupted', async () => {
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

  it('deletes the entries that match a pattern on every master of a cluster', async () => {
    const report = await jsonOf(onCluster('cache-clear', '--pattern', 'user:*', '--yes', '--json'));
    expect(report).toMatchObject({ found: 60, deleted: 60, cleared: true });
    expect((await inCluster.getMany(['price:1', 'user:1'])).size).toBe(1);
  });

  it('deletes a namespace of a cluster with its internal keys, and no key in another namespace', async () => {
    const report = await jsonOf(onCluster('cache-clear', '--all', '--yes', '--json'));
    expect(report).toMatchObject({ found: 100, internal: 1, deleted: 100 });
    expect(await inCluster.connection?.call('GET', 'other:key')).toBe('kept');
  });

  it.each(['sho?', 'sh*', '[s]hop'])(
    'treats the glob characters in the namespace %s literally',
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
      expect(await redis.admin().dbsize()).toBe(FILLED);
    },
  );

  it('rejects an invalid namespace with a one-line error', async () => {
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

  it('invalidates the entries of a tag in a cluster, including for a running client', async () => {
    expect(await inCluster.get('user:1')).toMatchObject({ i: 1 });
    const report = await jsonOf(onCluster('cache-clear', '--tag', 'users', '--yes', '--json'));
    expect(report).toMatchObject({ found: 60, cleared: true });
    await waitUntil('a miss', async () => (await inCluster.get('user:1')) === undefined);
    expect(await inCluster.get('price:1')).toMatchObject({ i: 1 });
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

  it('finds a key of arbitrary bytes with --raw', async () => {
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
});
