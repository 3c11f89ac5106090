/**
 * GETs that are sent together, and commands that bypass the ioredis command class: the replies equal those to
 * individual commands.
 */
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionOptions } from '../../../client/api/types.ts';
import { CommandError, TimeoutError } from '../../../client/index.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { encodeCommand } from '../../../client/transport/wire.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;
let connection: CacheConnection;

beforeAll(async () => {
  redis = await RedisProcess.start({ host: '127.61.0.8' });
});
afterEach(async () => {
  redis.resume();
  await connection.close();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(options: ConnectionOptions = {}): Promise<CacheConnection> {
  connection = openConnection(resolveConnection({ mode: 'standalone', address: redis.address, ...options }));
  await connection.call('PING');
  await redis.admin().config('RESETSTAT');
  return connection;
}

async function calls(): Promise<Record<string, number>> {
  const info = await redis.admin().info('commandstats');
  return Object.fromEntries(
    [...info.matchAll(/cmdstat_(m?get):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]),
  );
}

describe('GETs in one tick', () => {
  it('are combined into few commands, each with its own reply', async () => {
    const c = await open();
    const keys = Array.from({ length: 100 }, (_, i) => `gets:${i}`);
    await Promise.all(keys.map((key, i) => (i % 10 === 0 ? null : c.call('SET', key, `wert ü ${i}`))));
    await redis.admin().lpush('gets:10', 'x');
    const values = await Promise.all(keys.map((key) => c.get(key)));
    for (const [i, value] of values.entries())
      expect(value?.toString() ?? null).toBe(i % 10 === 0 ? null : `wert ü ${i}`);
    expect(await calls()).toEqual({ get: 1, mget: 4 });
  });

  it('have the same replies as individual reads', async () => {
    const c = await open();
    await c.call('SET', 'one', Buffer.from([0, 255, 10, 13]));
    await redis.admin().lpush('list', 'x');
    expect(await c.get('one')).toEqual(Buffer.from([0, 255, 10, 13]));
    expect(await c.get('absent')).toBeNull();
    expect(await c.get('list')).toBeNull();
    expect(await calls()).toEqual({ get: 3 });
  });

  it('are sent individually if the user may not read all keys, or may not use MGET', async () => {
    await redis.admin().call('ACL', 'SETUSER', 'narrow', 'on', 'nopass', '~mine:*', '+@all');
    await redis.admin().call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '+@all', '-mget');
    await redis.admin().mset('mine:1', 'a', 'mine:2', 'b');
    const narrow = await open({ username: 'narrow', password: 'x' });
    const reads = ['mine:1', 'mine:2', 'yours', 'mine:2'].map((key) => narrow.get(key));
    const settled = await Promise.allSettled(reads);
    expect(settled.map((result) => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    await expect(reads[2]).rejects.toThrowError(CommandError);
    await narrow.close();
    const plain = await open({ username: 'plain', password: 'x' });
    for (let i = 0; i < 3; i++) {
      const values = await Promise.all(['mine:1', 'mine:2', 'mine:1'].map((key) => plain.get(key)));
      expect(values.map(String)).toEqual(['a', 'b', 'a']);
    }
    const rejected = /cmdstat_mget:calls=\d+,.*rejected_calls=(\d+)/.exec(
      await redis.admin().info('commandstats'),
    );
    expect(Number(rejected?.[1])).toBe(1);
  });

  it('are each rejected while Redis hangs', async () => {
    const c = await open({ commandTimeoutMs: 200 });
    redis.pause();
    const settled = await Promise.allSettled(['a', 'b', 'c'].map((key) => c.get(key)));
    for (const result of settled) expect(result).toMatchObject({ reason: expect.any(TimeoutError) });
    redis.resume();
    await waitUntil('the connection is ready again', () => c.state.kind === 'ready');
    expect(await Promise.all(['a', 'b'].map((key) => c.get(key)))).toEqual([null, null]);
  });

  it('are sent again on the next connection when their connection is lost', async () => {
    const c = await open();
    await c.call('SET', 'again', '1');
    const reads = Array.from({ length: 50 }, () => c.get('again'));
    c.current()?.stream.destroy();
    expect(new Set((await Promise.all(reads)).map(String))).toEqual(new Set(['1']));
  });

  it('keep their order among all other commands, including those of the ioredis instance', async () => {
    const c = await open();
    const answers = await Promise.all([
      c.call('SET', 'order', '1'),
      c.call('get', 'order'),
      c.current()?.set('order', '2'),
      c.call('APPEND', 'order', 3),
      c.call('HELLO').then(Array.isArray),
      c.callBuffer('GET', 'order').then(String),
      c.call('MGET', 'order', 'absent'),
    ]);
    expect(answers).toEqual(['OK', '1', 'OK', 2, true, '23', ['23', null]]);
  });
});

describe('replies on one connection', () => {
  it('reach their commands in order, for every sender and size', async () => {
    const c = await open();
    const redis = c.current() as Redis;
    const large = Buffer.alloc(3_000_000, 'ü');
    await c.call('SET', 'large', large);
    await redis.hset('hash', 'a', '1');
    const replies = await Promise.all([
      c.callBuffer('GET', 'large'),
      redis.hgetall('hash'),
      c.call('GET', 'hash').catch((error: Error) => error.message),
      c.call('INCR', 'count'),
      redis.call('COMMAND', 'DOCS', 'get').then((docs) => Array.isArray(docs)),
      c.call('MGET', 'count', 'absent', 'count'),
      redis.ping(),
      c.call('SET', 'count', 'x', 'GET'),
    ]);
    expect((replies[0] as Buffer).equals(large)).toBe(true);
    expect(replies.slice(1)).toEqual([
      { a: '1' },
      expect.stringContaining('WRONGTYPE'),
      1,
      true,
      ['1', null, '1'],
      'PONG',
      '1',
    ]);
  });
});

describe('a command on the wire', () => {
  it('contains the length of each argument in bytes', () => {
    expect(encodeCommand('SET', ['ü', 12])).toBe('*3\r\n$3\r\nSET\r\n$2\r\nü\r\n$2\r\n12\r\n');
    const mixed = encodeCommand('SET', ['k', Buffer.from([255, 0]), 'PX', 9, Buffer.alloc(0)]);
    expect(mixed).toEqual(
      Buffer.concat([
        Buffer.from('*6\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n'),
        Buffer.from([255, 0]),
        Buffer.from('\r\n$2\r\nPX\r\n$1\r\n9\r\n$0\r\n\r\n'),
      ]),
    );
  });
});
