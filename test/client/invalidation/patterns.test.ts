import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodePlaceholder } from '../../../client/codec/placeholder.ts';
import { CommandError, NotSentError } from '../../../client/index.ts';
import { deleteMatching, type PatternOptions } from '../../../client/invalidation/patterns.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

describe('deletion by pattern', () => {
  let redis: RedisProcess;
  let connection: CacheConnection;
  let deleted: string[];
  let failed: string[];

  beforeAll(async () => {
    redis = await RedisProcess.start({ host: '127.61.23.1' });
  });
  afterEach(async () => {
    redis.resume();
    await connection.close();
    await redis.admin().flushall();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  function open(options: Partial<PatternOptions> = {}): PatternOptions {
    connection = openConnection(
      resolveConnection({ mode: 'standalone', address: redis.address, commandTimeoutMs: 300 }),
    );
    [deleted, failed] = [[], []];
    return {
      namespace: 'ns',
      connection,
      send: (command, args) => connection.request(command, args, { buffers: command === 'SCAN' }),
      deleted: (keys) => void deleted.push(...keys),
      failed: (keys) => void failed.push(...keys),
      ...options,
    };
  }
  async function fill(keys: readonly string[]): Promise<void> {
    await redis.admin().mset(Object.fromEntries(keys.map((key) => [key, '1'])));
  }
  const left = async (): Promise<readonly string[]> => (await redis.admin().keys('*')).sort();

  it('deletes matching keys in the namespace, and nothing else', async () => {
    const options = open();
    await fill(['ns:user:1', 'ns:user:2', 'ns:order:1', 'other:user:3', 'ns:~tag:user:1', 'ns*:user:1']);
    expect(await deleteMatching('user:*', options)).toEqual({ deleted: 2, restarts: 0 });
    expect(deleted.sort()).toEqual(['ns:user:1', 'ns:user:2']);
    expect(await left()).toEqual(['ns*:user:1', 'ns:order:1', 'ns:~tag:user:1', 'other:user:3']);
    expect((await deleteMatching('*', options)).deleted).toBe(1);
    expect(await left()).toEqual(['ns*:user:1', 'ns:~tag:user:1', 'other:user:3']);
  });

  it('deletes keys that are not valid UTF-8, but not other keys that decode to the same text', async () => {
    const options = open();
    const foreign = Buffer.from([...Buffer.from('ns:a'), 0xff]);
    const alike = 'ns:a\ufffd';
    await redis.admin().set(foreign, '1');
    await redis.admin().set(alike, '1');
    expect(await deleteMatching('a?', options)).toEqual({ deleted: 1, restarts: 0 });
    expect(await left()).toEqual([alike]);
    expect(deleted).toEqual([]);
  });

  it('treats the namespace literally, including special characters', async () => {
    await fill(['n[s]*:a', 'ns:a', 'nsx:a']);
    expect((await deleteMatching('*', open({ namespace: 'n[s]*' }))).deleted).toBe(1);
    expect(await left()).toEqual(['ns:a', 'nsx:a']);
  });

  it('deletes the lease of a load in flight', async () => {
    const options = open();
    for (const key of ['ns:user:1', 'ns:order:1'])
      await redis.admin().set(key, encodePlaceholder('f'.repeat(16)), 'PX', 60_000);
    expect(await deleteMatching('user:*', options)).toEqual({ deleted: 1, restarts: 0 });
    expect(await left()).toEqual(['ns:order:1']);
  });

  it('deletes in batches, and misses no key', async () => {
    const options = open({ batch: 100 });
    for (let i = 0; i < 20; i++) await fill(Array.from({ length: 500 }, (_, n) => `ns:k:${i * 500 + n}`));
    await redis.admin().config('RESETSTAT');
    expect((await deleteMatching('k:*', options)).deleted).toBe(10_000);
    const stats = await redis.admin().info('commandstats');
    expect(Number(/cmdstat_scan:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThan(90);
  });

  it('restarts when the connection is lost during the deletion', async () => {
    let cuts = 0;
    const options = open({
      batch: 10,
      send: async (command, args) => {
        const reply = await connection.request(command, args);
        if (command === 'UNLINK' && cuts < 3) {
          cuts += 1;
          connection.current()?.stream.destroy();
          await waitUntil(
            'the connection is ready again',
            () => connection.state.kind === 'ready' && connection.current() !== undefined,
          );
        }
        return reply;
      },
    });
    await fill(Array.from({ length: 200 }, (_, i) => `ns:k:${i}`));
    const result = await deleteMatching('k:*', options);
    expect([result.deleted, result.restarts]).toEqual([200, 3]);
    expect(await left()).toEqual([]);
  });

  it('waits for a Redis that is briefly unreachable', async () => {
    const options = open({ batch: 10 });
    await fill(Array.from({ length: 200 }, (_, i) => `ns:k:${i}`));
    await connection.call('PING');
    redis.pause();
    const result = deleteMatching('k:*', options);
    await waitUntil('the connection is suspected', () => connection.state.kind === 'suspect');
    await waitUntil('a command has failed', async () =>
      connection.call('GET', 'k').then(
        () => false,
        () => true,
      ),
    );
    redis.resume();
    expect((await result).restarts).toBeGreaterThan(0);
    expect(await left()).toEqual([]);
  });

  it('fails with an error if Redis stays unreachable, and adds the keys it found to the journal', async () => {
    // With this number of keys, the page with the first match is not the last page.
    await fill(Array.from({ length: 50 }, (_, i) => `ns:k:${i}`));
    const options = open({
      maxOutageMs: 100,
      send: (command, args) => {
        if (command === 'UNLINK') redis.pause();
        return connection.request(command, args);
      },
    });
    await expect(deleteMatching('k:*', { ...options, batch: 1 })).rejects.toMatchObject({
      outcome: 'not-applied',
    });
    expect(failed.length).toBeGreaterThan(0);
  });

  it('fails when it is interrupted repeatedly, aborted or refused', async () => {
    await fill(['ns:k:1']);
    const restless = open({
      send: async (command, args) => {
        const reply = await connection.request(command, args);
        connection.current()?.stream.destroy();
        return reply;
      },
    });
    await expect(deleteMatching('k:*', restless)).rejects.toThrowError(NotSentError);
    await connection.close();
    await expect(deleteMatching('k:*', open({ signal: AbortSignal.abort() }))).rejects.toThrowError(/abort/i);
    await connection.close();
    await fill(['ns:k:1']);
    await redis.admin().config('SET', 'min-replicas-to-write', '1');
    await expect(deleteMatching('k:*', open())).rejects.toThrowError(CommandError);
    await redis.admin().config('SET', 'min-replicas-to-write', '0');
  });

  it('sends only keys of one slot per command', async () => {
    const unlinks: number[] = [];
    const options = open({
      slotOf: (key) => key.length,
      send: (command, args) => {
        if (command === 'UNLINK') unlinks.push(args.length);
        return connection.request(command, args);
      },
    });
    await fill(['ns:k:1', 'ns:k:2', 'ns:k:10']);
    expect((await deleteMatching('k:*', options)).deleted).toBe(3);
    expect(unlinks.sort()).toEqual([1, 2]);
  });
});
