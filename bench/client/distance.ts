/** TCP relay that delays all data, to simulate a distant server. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Target } from './subjects.ts';

export interface Distance extends AsyncDisposable {
  readonly target: Target;
}

/** Starts the relay. @param roundTripMs added round-trip time in ms, half of it in each direction */
export async function atDistance(server: Target, roundTripMs: number): Promise<Distance> {
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), roundTripMs / 2));
    from.once('close', () => setTimeout(() => to.destroy(), roundTripMs / 2));
    from.on('error', () => {});
  };
  const relay = createServer((near) => {
    const distant = tcp(server.port, server.host);
    for (const socket of [near, distant]) sockets.add(socket.setNoDelay(true));
    carry(near, distant);
    carry(distant, near);
  });
  await new Promise<void>((done) => relay.listen(0, server.host, done));
  const bound = relay.address();
  return {
    target: { host: server.host, port: typeof bound === 'object' && bound ? bound.port : 0 },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => relay.close(done));
    },
  };
}
