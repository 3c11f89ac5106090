/** Each toxic against an echo server, then the proxy as a separate process in front of a real Redis. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProxy } from '../../../harness/faults/proxy/index.ts';
import { ProxyServer } from '../../../harness/faults/proxy/server.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const HOST = '127.63.0.1';

describe('a proxy in this process', () => {
  const sockets = new Set<Socket>();
  const echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  let proxy: ProxyServer;
  const clients: Socket[] = [];

  beforeEach(async () => {
    echo.listen(0, HOST);
    await once(echo, 'listening');
    proxy = await ProxyServer.start({ host: HOST, port: (echo.address() as AddressInfo).port });
  });
  afterEach(async () => {
    for (const socket of [...clients.splice(0), ...sockets]) socket.destroy();
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });

  async function client() {
    const socket = connect(proxy.address.port, proxy.address.host);
    clients.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }
  /** Sends the given number of bytes and waits until they return. Resolves with the duration. */
  async function roundTrip(socket: Socket, bytes: number): Promise<number> {
    const startedAt = performance.now();
    let received = 0;
    socket.write(Buffer.alloc(bytes, 'x'));
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      received += (chunk as Buffer).length;
      if (received >= bytes) break;
    }
    expect(received).toBe(bytes);
    return performance.now() - startedAt;
  }
  const closed = async (socket: Socket, startedAt = performance.now()) => {
    socket.resume();
    await new Promise<void>((resolve) =>
      socket.destroyed ? resolve() : socket.once('close', () => resolve()),
    );
    return performance.now() - startedAt;
  };

  it('passes bytes unchanged in both directions', async () => {
    await roundTrip(await client(), 3_000_000);
  });

  it('counts connections and bytes', async () => {
    expect(proxy.traffic).toEqual({ connections: 0, bytes: 0 });
    await roundTrip(await client(), 1_000);
    expect(proxy.traffic).toEqual({ connections: 1, bytes: 2_000 });
  });

  it('delays each chunk with the latency toxic, from its arrival, without reducing the bandwidth', async () => {
    proxy.add('slow', { type: 'latency', attributes: { latency: 2_000, jitter: 10 } });
    const socket = await client();
    expect(await roundTrip(socket, 10)).toBeGreaterThanOrEqual(1_985);
    // There are at least 30 chunks. Each waits only for its own delay, not for the sum of all delays, which is 60 s.
    expect(await roundTrip(socket, 2_000_000)).toBeLessThan(30_000);
    proxy.remove('slow');
    expect(await roundTrip(socket, 10)).toBeLessThan(1_500);
  });

  it('limits the throughput with the bandwidth toxic', async () => {
    proxy.add('narrow', { type: 'bandwidth', attributes: { rate: 100 }, stream: 'upstream' });
    expect(await roundTrip(await client(), 20_000)).toBeGreaterThanOrEqual(150);
  });

  it('blocks all data with the timeout toxic until the toxic is removed', async () => {
    const socket = await client();
    proxy.add('hang', { type: 'timeout', attributes: { timeout: 0 } });
    const trip = roundTrip(socket, 10);
    const first = await Promise.race([trip, new Promise((resolve) => setTimeout(resolve, 100, 'nothing'))]);
    expect(first).toBe('nothing');
    proxy.remove('hang');
    await trip;
  });

  it('closes the connection after the time set by the timeout toxic', async () => {
    proxy.add('hang', { type: 'timeout', attributes: { timeout: 80 } });
    const startedAt = performance.now();
    const socket = await client();
    socket.write('x');
    expect(await closed(socket, startedAt)).toBeGreaterThanOrEqual(60);
  });

  it('resets the connection with the reset_peer toxic', async () => {
    proxy.add('reset', { type: 'reset_peer', attributes: { timeout: 30 } });
    const socket = await client();
    const error = once(socket, 'error');
    socket.write('x');
    expect(await error).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('closes the connection after the number of bytes set by the limit_data toxic', async () => {
    proxy.add('limit', { type: 'limit_data', attributes: { bytes: 1_000 } });
    const socket = await client();
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.write(Buffer.alloc(5_000));
    await closed(socket);
    expect(received).toBe(1_000);
  });

  it('delays the end of the connection with the slow_close toxic', async () => {
    proxy.add('slow', { type: 'slow_close', attributes: { delay: 120 } });
    const socket = await client();
    await roundTrip(socket, 10);
    socket.end();
    expect(await closed(socket)).toBeGreaterThanOrEqual(100);
  });

  it('passes data in slices of the configured sizes with the slicer toxic, with a delay after each slice', async () => {
    const socket = await client();
    proxy.add('slices', {
      type: 'slicer',
      attributes: { average_size: 10, size_variation: 5, delay: 5_000 },
    });
    const before = proxy.traffic.bytes;
    // 100 bytes in slices of at most 15 bytes make at least 7 slices, with a delay of 5 ms after each.
    expect(await roundTrip(socket, 100)).toBeGreaterThanOrEqual(25);
    expect(proxy.traffic.bytes - before).toBe(200);
  });

  it('releases the rest of a large chunk once the bandwidth is removed', async () => {
    const socket = await client();
    proxy.add('narrow', { type: 'bandwidth', attributes: { rate: 1 } });
    const trip = roundTrip(socket, 60_000);
    await expect.poll(() => proxy.traffic.bytes).toBeGreaterThan(60_000);
    proxy.remove('narrow');
    // Without the removal, the transfer would take 60 s at 1 KB/s.
    expect(await trip).toBeLessThan(30_000);
  });

  it('counts bytes for the limit_data toxic only from the moment it is added', async () => {
    const socket = await client();
    await roundTrip(socket, 1_000);
    proxy.add('limit', { type: 'limit_data', attributes: { bytes: 3 } });
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.write(Buffer.alloc(100));
    await closed(socket);
    expect(received).toBe(3);
  });

  it('applies a toxic to the share of connections given by toxicity, for the lifetime of each connection', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, client));
    proxy.add('some', { type: 'reset_peer', attributes: { timeout: 0 }, toxicity: 0.5 });
    let reset = 0;
    const replied = await Promise.all(
      all.map(async (socket) => {
        socket.once('error', () => {
          reset++;
        });
        return roundTrip(socket, 10).then(
          () => socket,
          () => undefined,
        );
      }),
    );
    const healthy = replied.filter((socket) => socket !== undefined);
    // Both kinds of connections occur, except in one run out of 10^12.
    expect(healthy.length).toBeGreaterThan(0);
    expect(reset).toBeGreaterThan(0);
    expect(healthy.length + reset).toBe(all.length);
    for (const socket of healthy) await roundTrip(socket, 10);
  });

  it('resets and refuses connections while disabled, and accepts new ones at the same address afterwards', async () => {
    const socket = await client();
    const gone = closed(socket);
    await proxy.setEnabled(false);
    await gone;
    await expect(client()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const before = proxy.address;
    await proxy.reset();
    expect(proxy.address).toEqual(before);
    await roundTrip(await client(), 10);
  });
});

describe('a proxy in a separate process', () => {
  it('forwards to Redis, accepts control commands, and exits when its handle is disposed', async () => {
    const redis = await RedisProcess.start({ host: HOST });
    const proxy = await startProxy(redis.address);
    const client = new Redis({
      ...proxy.address,
      protocol: 2,
      commandTimeout: 2_000,
      retryStrategy: () => 20,
    });
    client.on('error', () => undefined);
    try {
      expect(proxy.address.host).toBe(redis.address.host);
      expect(await client.ping()).toBe('PONG');
      await proxy.add('slow', { type: 'latency', attributes: { latency: 10_000 } });
      await expect(client.ping()).rejects.toThrow('Command timed out');
      await proxy.remove('slow');
      await proxy.down();
      await expect.poll(() => client.status).not.toBe('ready');
      await proxy.up();
      await expect.poll(() => client.status).toBe('ready');
      await proxy.reset();
      await expect.poll(() => client.ping().catch(() => '')).toBe('PONG');
    } finally {
      client.disconnect();
      await proxy[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    }
    expect(() => process.kill(proxy.pid, 0)).toThrow('ESRCH');
    await expect(proxy.up()).rejects.toThrow();
    await proxy[Symbol.asyncDispose]();
  });

  it('reports an unsupported fault and leaves nothing running', async () => {
    await expect(startProxy({ host: '127.63.0.1', port: 1 }, { host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'PROXY_FAILED',
      where: '127.63.0.1:1',
    });
  });
});
