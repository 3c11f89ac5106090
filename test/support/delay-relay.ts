/** A relay that delays all data, like a network between distant locations. */
import type { Socket } from 'node:net';
import type { Address } from './redis-process.ts';
import { type Relay, startRelay } from './relay-server.ts';

/** `delayMs` is the delay in one direction, so a round trip takes twice as long. */
export function startDelayRelay(target: Address, delayMs: number): Promise<Relay> {
  const carry = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
    from.once('close', () => setTimeout(() => to.destroy(), delayMs));
  };
  return startRelay(target, (near, distant) => {
    carry(near, distant);
    carry(distant, near);
  });
}
