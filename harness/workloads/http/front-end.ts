/**
 * A small HTTP service that embeds the cache as an application does: `GET /items/:id` computes a value or reads it from
 * the cache, `PUT /items/:id` writes a new value, `GET /health` reports the health of the cache. The service runs in
 * its own thread (`front-end-thread.ts`); k6 sends the requests.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '../../../client/index.ts';
import type { Random } from '../random.ts';
import { padValue, valueBytes } from '../values.ts';

export interface FrontEndOptions {
  readonly cache: Cache;
  /** Prefix of every logical key. */
  readonly prefix: string;
  readonly maxValueBytes: number;
  /** Time, in ms, to compute a value that is not cached. */
  readonly computeMs: number;
  readonly random: Random;
}

export interface FrontEnd {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the service on a free port of the loopback address. */
export async function startFrontEnd(options: FrontEndOptions): Promise<FrontEnd> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(503, { 'content-type': 'text/plain' }).end(message);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function answer(
  options: FrontEndOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { cache, prefix, computeMs } = options;
  const id = /^\/items\/(\d{1,9})$/.exec(request.url ?? '')?.[1];
  if (request.url === '/health') {
    const health = await cache.ping().then(
      () => 200,
      () => 503,
    );
    response.writeHead(health).end();
  } else if (id === undefined) response.writeHead(404).end();
  else if (request.method === 'GET') {
    const value = await cache.getOrCompute(prefix + id, async () => {
      await sleep(computeMs);
      return newValueOf(options, id);
    });
    response.writeHead(200, { 'content-type': 'text/plain' }).end(value);
  } else if (request.method === 'PUT') {
    const { source } = await cache.set(prefix + id, newValueOf(options, id));
    response.writeHead(source === 'redis' ? 204 : 503).end();
  } else response.writeHead(405, { allow: 'GET, PUT' }).end();
}

function newValueOf({ random, maxValueBytes }: FrontEndOptions, id: string): string {
  const padded = padValue(id, valueBytes(random, maxValueBytes));
  return padded === id ? `${id}|` : padded;
}
