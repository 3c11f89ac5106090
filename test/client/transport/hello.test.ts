/**
 * The handshake with a proxy that refuses HELLO with its own error text. A relay simulates the proxy, because no real
 * one is available for the tests.
 */
import { createServer, type Socket, connect as tcp } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisCache } from '../../../client/index.ts';
import { type Address, RedisProcess } from '../../support/redis-process.ts';

/**
 * Relays to the server, but replaces HELLO with an unknown command, and replaces the resulting error with the proxy's
 * refusal.
 */
async function refuseHello(target: Address, refusal: string): Promise<Address> {
  const sockets: Socket[] = [];
  const relay = (from: Socket, to: Socket, change: (text: string) => string): void => {
    from.on('data', (chunk) => to.write(change(chunk.toString('latin1')), 'latin1'));
    from.on('error', () => {});
    from.once('close', () => to.destroy());
  };
  const server = createServer((client) => {
    const redis = tcp(target.port, target.host);
    sockets.push(client, redis);
    relay(client, redis, (text) => text.replace(/\$5\r\nhello\r\n/i, '$5\r\nHELLX\r\n'));
    relay(redis, client, (text) => text.replace(/-ERR unknown command 'HELLX'[^\r]*/, `-${refusal}`));
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, target.host, resolve));
  const bound = server.address();
  return { host: target.host, port: typeof bound === 'object' && bound ? bound.port : 0 };
}

describe('a server that refuses HELLO', () => {
  it.each([
    'ERR command is not allowed',
    'ERR unsupported command',
    "ERR command 'HELLO' not support for normal user",
  ])('is reached with RESP2: %s', async (refusal) => {
    await using redis = await RedisProcess.start({ host: '127.61.0.7', password: 'secret' });
    const address = await refuseHello(redis.address, refusal);
    const cache = redisCache({ address, password: 'secret', commandTimeoutMs: 5000 });
    onTestFinished(async () => void (await cache.close()));
    expect(await cache.set('k', { a: 1 })).toEqual({ source: 'redis' });
    expect(await cache.getEntry('k')).toEqual({ value: { a: 1 }, source: 'redis' });
    expect(await cache.delete('k')).toBe(1);
  });
});
