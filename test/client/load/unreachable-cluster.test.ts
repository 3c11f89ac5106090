/** Loads from a cluster that has never replied: each load waits only for its own command. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cache, clusterCache } from '../../../client/index.ts';

const HOST = '127.63.0.4';
const LOADS = 8;
const sockets = new Set<Socket>();
/** Accepts connections and never replies. */
const silent = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
});
let cache: Cache;

beforeAll(async () => {
  silent.listen(0, HOST);
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const nodes = [{ host: HOST, port }];
  cache = clusterCache({ nodes, commandTimeoutMs: 300, breaker: { enabled: false } });
});
afterAll(async () => {
  await cache.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

async function durationOf(loads: number): Promise<number> {
  const startedAt = performance.now();
  const keys = Array.from({ length: loads }, (_, n) => `${loads}:${n}`);
  expect(await Promise.all(keys.map((key) => cache.getOrCompute(key, () => key)))).toEqual(keys);
  return performance.now() - startedAt;
}

it('concurrent loads take no longer than a single one', async () => {
  const singleMs = await durationOf(1);
  // Sequential loads would take eight times as long.
  expect(await durationOf(LOADS)).toBeLessThan(singleMs * 4);
});
