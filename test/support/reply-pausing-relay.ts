/** A relay that withholds server replies on individual connections, while commands still arrive. */
import { createServer, type Socket, connect as tcp } from 'node:net';
import type { Address } from './redis-process.ts';

export interface ReplyPausingRelay extends AsyncDisposable {
  readonly address: Address;
  /** From now on, withholds replies on one connection, selected by its index in the order of opening. */
  pauseReplies(connection: number): void;
  /** Releases the withheld replies. */
  resumeReplies(connection: number): void;
}

export async function startReplyPausingRelay(target: Address): Promise<ReplyPausingRelay> {
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
    pauseReplies: (connection) => void distant[connection]?.pause(),
    resumeReplies: (connection) => void distant[connection]?.resume(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
