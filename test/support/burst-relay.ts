/** A relay that forwards replies in bursts, like a connection that is shaped in time slices. */
import type { Address } from './redis-process.ts';
import { type Relay, startRelay } from './relay-server.ts';

/** Forwards at most `bytes` per interval and connection, and nothing between the bursts. */
export function startBurstRelay(target: Address, bytes: number, everyMs: number): Promise<Relay> {
  return startRelay(target, (near, distant) => {
    let held: Buffer = Buffer.alloc(0);
    const timer = setInterval(() => {
      if (near.writable && held.length > 0) near.write(held.subarray(0, bytes));
      held = held.subarray(bytes);
    }, everyMs);
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
}
