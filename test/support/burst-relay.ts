/** A relay that passes replies on in bursts, like a line that is shaped in time slices. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Address } from './redis-process.ts';

export interface BurstRelay extends AsyncDisposable {
  readonly address: Address;
}

/** Passes at most that many bytes per interval and connection; nothing in between. */
export async function startBurstRelay(target: Address, bytes: number, everyMs: number): Promise<BurstRelay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const distant = tcp(target.port, target.host);
    let held: Buffer = Buffer.alloc(0);
    const timer = setInterval(() => {
      if (near.writable && held.length > 0) near.write(held.subarray(0, bytes));
      held = held.subarray(bytes);
    }, everyMs);
    for (const socket of [near, distant]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {});
    }
    near.pipe(distant);
    distant.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
    });
    near.once('close', () => {
      clearInterval(timer);
      distant.destroy();
    });
    distant.once('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, target.host, resolve));
  const bound = server.address();
  return {
    address: { host: target.host, port: typeof bound === 'object' && bound ? bound.port : 0 },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
