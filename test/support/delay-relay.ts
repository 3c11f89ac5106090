/** A relay that delays all data, like a network between distant places. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Address } from './redis-process.ts';

export interface DelayRelay extends AsyncDisposable {
  readonly address: Address;
}

/** `delayMs` is one way: a round trip takes twice as long. */
export async function startDelayRelay(target: Address, delayMs: number): Promise<DelayRelay> {
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
    from.once('close', () => setTimeout(() => to.destroy(), delayMs));
    from.on('error', () => {});
  };
  const server = createServer((near) => {
    const distant = tcp(target.port, target.host);
    for (const socket of [near, distant]) sockets.add(socket.setNoDelay(true));
    carry(near, distant);
    carry(distant, near);
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
