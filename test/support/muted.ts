/** A relay that keeps back what the server answers on single connections: commands arrive, replies do not. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Address } from './redis.ts';

export interface Muted extends AsyncDisposable {
  readonly address: Address;
  /** Replies on the connection that was opened so many before wait from now on. */
  mute(connection: number): void;
  /** Lets those go that waited. */
  unmute(connection: number): void;
}

export async function muted(target: Address): Promise<Muted> {
  const distant: Socket[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const upstream = tcp(target.port, target.host);
    distant.push(upstream);
    for (const socket of [near, upstream]) {
      sockets.add(socket.setNoDelay(true));
      socket.on('error', () => {});
    }
    near.pipe(upstream);
    upstream.pipe(near);
    near.once('close', () => upstream.destroy());
    upstream.once('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, target.host, resolve));
  const bound = server.address();
  return {
    address: { host: target.host, port: typeof bound === 'object' && bound ? bound.port : 0 },
    mute: (connection) => void distant[connection]?.pause(),
    unmute: (connection) => void distant[connection]?.resume(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
