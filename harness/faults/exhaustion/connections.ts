/**
 * Exhausts the connections of a server: idle connections take all that `maxclients` allows, so that every new one is
 * refused. The limit is lowered first, because 10000 sockets would test this machine rather than Redis. Existing
 * connections stay open.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Access, type Exhaust, lowerLimit } from './resource.ts';

const IDLE = 50;
/** Time, in ms, within which the server must close a connection that exceeds the limit. */
const REPLY_BOUND_MS = 10_000;

export const exhaustConnections: Exhaust = async (admin, access) => {
  const idle = await Promise.all(Array.from({ length: IDLE }, () => openIdle(access)));
  const close = () => {
    for (const socket of idle) socket.destroy();
  };
  try {
    const restoreLimit = await lowerLimit(admin, 'maxclients', IDLE);
    const restore = async () => {
      close();
      await restoreLimit();
    };
    if (await isRefused(access)) {
      return { detail: `${IDLE} idle connections, maxclients ${IDLE}`, restore };
    }
    await restore();
    throw new Error('the server still accepts connections');
  } catch (error) {
    close();
    throw error;
  }
};

function openIdle({ host, port }: Access): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.on('error', (error) => {
      socket.destroy();
      reject(error);
    });
  });
}

/** Whether the server closes a new connection; without TLS it sends the reason first. */
async function isRefused({ host, port }: Access): Promise<boolean> {
  const socket = connect(port, host);
  socket.on('error', () => socket.destroy());
  socket.resume();
  const closed = new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));
  try {
    return await Promise.race([closed, sleep(REPLY_BOUND_MS, false)]);
  } finally {
    socket.destroy();
  }
}
