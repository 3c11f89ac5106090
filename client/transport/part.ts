/** One connection of a pool or cluster. A single connection is a part that covers all keys. */
import type { Emitter } from '../api/events.ts';
import type { ConnectionEvent } from '../api/types.ts';

export interface ConnectionPart {
  /** Whether commands for this key use this part; true if the shard of the key is unknown. */
  readonly covers: (key: string) => boolean;
}

/** Follows a connection that is a single part. */
export function followWhole(events: Emitter<ConnectionEvent>, listener: PartListener): void {
  const part: ConnectionPart = { covers: () => true };
  events.first((event) => listener(event, part));
}

/** Receives each event of each part. A part is always the same object. */
export type PartListener = (event: ConnectionEvent, part: ConnectionPart) => void;
