/** Types that the driver and the pacer's thread share. */
import type { MessagePort } from 'node:worker_threads';

/** States of the pacer, as values of `control`. */
export const PACER = { paused: 0, running: 1, ended: 2 } as const;

export interface PacerSetup {
  readonly ports: readonly MessagePort[];
  /** One flag per port: set while a tick is pending. */
  readonly ticking: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly tickMs: number;
}
