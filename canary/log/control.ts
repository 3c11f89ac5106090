/** Control record, which every process reads from Redis to assign users. */
import { shareOf } from '../judge/state.ts';
import type { Status } from '../judge/types.ts';
import type { Head } from './entry.ts';

export interface Control {
  /** Index of the log entry from which the record was derived. */
  readonly index: number;
  readonly generation: number;
  readonly window: number;
  /** Share of users assigned to the canary, from 0 to 1. */
  readonly share: number;
  readonly status: Status;
}

export function controlOf({ index, rules, state }: Head): Control {
  const { generation, window, status } = state;
  return { index, generation, window, share: shareOf(rules, state), status };
}
