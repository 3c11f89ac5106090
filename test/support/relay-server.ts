/** Server of a relay: opens a connection to the target for each client, and closes all connections on disposal. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Address } from './redis-process.ts';

export interface Relay extends AsyncDisposable {
  readonly address: Address;
}

/** @param connect connects the two sockets of a client */
export async function startRelay(
  target: Address,
  connect: (near: Socket, distant: Socket) => void,
): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const distant = tcp(target.port, target.host);
    for (const socket of [near, distant]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {});
    }
    connect(near, distant);
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
