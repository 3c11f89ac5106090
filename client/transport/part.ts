/** One of the connections that a pool or a Cluster has; a single connection is a part that covers all keys. */
import type { Emitter } from '../api/events.ts';
import type { ConnectionEvent } from '../api/types.ts';

export interface ConnectionPart {
  /** Commands of this key go over it, as far as is known. */
  readonly covers: (key: string) => boolean;
}

/** A connection that is a part by itself. */
export function followWhole(events: Emitter<ConnectionEvent>, listener: PartListener): void {
  const part: ConnectionPart = { covers: () => true };
  events.first((event) => listener(event, part));
}

/** Told of each event of each part; the same part is always the same object. */
export type PartListener = (event: ConnectionEvent, part: ConnectionPart) => void;
