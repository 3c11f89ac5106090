/**
 * One socket for the client's own commands and for ioredis commands. Each reply reaches its command, with the same
 * value in both cases. Push messages, subscriptions, transactions and duplicates of the ioredis instance keep working.
 */
import { createServer, type Socket } from 'node:net';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Link } from '../../../client/transport/link.ts';
import { type Address, RedisProcess, waitUntil } from '../../support/redis-process.ts';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.start({ host: '127.61.0.9' });
});
afterAll(() => redis[Symbol.asyncDispose]());

async function open(
  address: Address = redis.address,
  options: { readonly protocol?: 2 } = {},
): Promise<Link> {
  const link = await Link.open({
    ...options,
    address,
    username: undefined,
    password: undefined,
    db: 0,
    tls: undefined,
    timeoutMs: 2000,
  });
  onTestFinished(() => link.destroy('the test has ended'));
  return link;
}

/** Starts a server that completes the handshake and replies to every other command with `reply`. */
async function scripted(reply: string): Promise<Address> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const [, name] of chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n/g)) {
        if (name?.toLowerCase() === 'hello') socket.write('%1\r\n+proto\r\n:3\r\n');
        else socket.write(name?.toLowerCase() === 'client' ? '+OK\r\n' : reply);
      }
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.61.0.10', resolve));
  const bound = server.address();
  return { host: '127.61.0.10', port: typeof bound === 'object' && bound ? bound.port : 0 };
}

describe('a socket shared with ioredis', () => {
  it.each([
    '*2\r\n*2\r\n$1\r\na\r\n:-1\r\n%1\r\n+k\r\n,1.5\r\n',
    '%2\r\n$1\r\na\r\n_\r\n$1\r\nb\r\n~1\r\n#t\r\n',
    '=7\r\ntxt:abc\r\n',
    '(123456789012345678901234567890\r\n',
    '$5\r\nw\u00f6rt\r\n',
    '*-1\r\n',
    '$-1\r\n',
    '*0\r\n',
    ':42\r\n',
    '#f\r\n',
    ',inf\r\n',
  ])('decodes the same value as ioredis: %j', async (reply) => {
    const link = await open(await scripted(reply));
    const [own, ofIoredis] = [await link.send('FCALL', ['f', 0]), await link.redis.call('EVAL', 'x', 0)];
    expect(own).toEqual(ofIoredis);
    const buffers = await Promise.all([
      link.send('FCALL', ['f', 0], true),
      link.redis.callBuffer('EVAL', 'x', 0),
    ]);
    expect(buffers[0]).toEqual(buffers[1]);
  });

  it.each(['-WRONGTYPE Operation\r\n', '!9\r\nERR wrong\r\n'])(
    'rejects with the same error as ioredis: %j',
    async (reply) => {
      const link = await open(await scripted(reply));
      const own = await link.send('GET', ['k']).catch((error: unknown) => error as Error);
      const ofIoredis = await link.redis.call('EVAL', 'k').catch((error: unknown) => error as Error);
      expect(own).toMatchObject({
        name: 'ReplyError',
        message: (ofIoredis as Error).message,
        command: { name: 'GET', args: ['k'] },
      });
      expect(own).toBeInstanceOf(Object.getPrototypeOf((ofIoredis as object).constructor));
    },
  );

  it('keeps replies in order when the client and ioredis send concurrently', async () => {
    const link = await open();
    const sent = Array.from({ length: 500 }, async (_, i) => {
      if (i % 5 === 0) return link.redis.call('ECHO', `${i}`);
      if (i % 7 === 0) return link.send('ECHO', [`${i}`]);
      await link.send('SET', [`k${i}`, `${i}`]);
      return link.send('GET', [`k${i}`]);
    });
    expect(await Promise.all(sent)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
  });

  it('keeps replies in order around ioredis pipelines and transactions', async () => {
    const link = await open();
    const before = link.send('SET', ['t', '1']);
    const pipeline = link.redis
      .pipeline()
      .get('t')
      .set('b', Buffer.from([255, 13, 10]))
      .getBuffer('b')
      .exec();
    const between = link.send('INCR', ['t']);
    const transaction = link.redis.multi().incr('t').get('t').exec();
    const after = link.send('GET', ['t']);
    expect(await Promise.all([before, pipeline, between, transaction, after])).toEqual([
      'OK',
      [
        [null, '1'],
        [null, 'OK'],
        [null, Buffer.from([255, 13, 10])],
      ],
      2,
      [
        [null, 3],
        [null, '3'],
      ],
      '3',
    ]);
  });

  it('receives subscription messages between replies', async () => {
    const link = await open();
    const messages: string[] = [];
    link.redis.on('message', (channel, message) => messages.push(`${channel} ${message}`));
    await Promise.all([link.redis.subscribe('c1', 'c2'), link.send('SET', ['s', 'v'])]);
    for (const channel of ['c1', 'c2', 'c1']) {
      await redis.admin().publish(channel, 'm');
      expect(await link.send('GET', ['s'])).toBe('v');
    }
    await waitUntil('three messages', () => messages.length === 3);
    await Promise.all([link.redis.unsubscribe(), link.send('GET', ['s'])]);
    expect(await link.send('GET', ['s'])).toBe('v');
    expect(messages).toEqual(['c1 m', 'c2 m', 'c1 m']);
  });

  it('carries RESP2 commands and subscriptions', async () => {
    const link = await open(redis.address, { protocol: 2 });
    const sent = [link.send('SET', ['two', 'v']), link.redis.call('ECHO', 'e'), link.send('GET', ['two'])];
    expect(await Promise.all(sent)).toEqual(['OK', 'e', 'v']);
    const messages: string[] = [];
    link.redis.on('message', (_, message) => messages.push(message));
    await link.redis.subscribe('two');
    await redis.admin().publish('two', 'm');
    await waitUntil('the message', () => messages.length === 1);
    await link.redis.unsubscribe('two');
    expect(await link.send('GET', ['two'])).toBe('v');
  });

  it('lets a duplicate of the ioredis instance open its own connection', async () => {
    const link = await open();
    const duplicate: Redis = link.redis.duplicate();
    onTestFinished(() => duplicate.disconnect());
    await duplicate.connect();
    const ids = await Promise.all([link.redis.client('ID'), duplicate.client('ID')]);
    expect(ids[0]).not.toBe(ids[1]);
    duplicate.disconnect();
    await new Promise((resolve) => duplicate.once('end', resolve));
    expect(await link.send('SET', ['d', '1'])).toBe('OK');
    expect(link.closed).toBeUndefined();
  });

  it('rejects all pending commands when the connection ends', async () => {
    const link = await open();
    await redis.admin().call('CLIENT', 'PAUSE', '500', 'ALL');
    const pending = [link.send('GET', ['a']), link.redis.call('ECHO', 'b'), link.send('SET', ['a', '1'])];
    link.redis.disconnect();
    for (const { reason } of (await Promise.allSettled(pending)) as PromiseRejectedResult[])
      expect(reason).toMatchObject({ message: 'Connection is closed.' });
    expect(await link.over).toBe('the connection was closed by the other side');
  });

  it('closes when ioredis quits', async () => {
    const link = await open();
    expect(await link.redis.quit()).toBe('OK');
    expect(await link.over).toBe('the connection was closed by the other side');
  });
});
