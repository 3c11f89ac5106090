/** Shards that are away, as the circuit breaker sees them: one that is known to be says nothing of the others. */
import type { ConnectionState } from '../../types.ts';

/**
 * Every shard is there or has been away for `settledMs`, and some are there. One that hangs, or was lost a moment ago, is
 * perhaps not alone: then what it fails by counts.
 *
 * @param nowMs Unix time, as the states have it
 */
export function othersServe(states: readonly ConnectionState[], settledMs: number, nowMs: number): boolean {
  const unsettled = (state: ConnectionState): boolean =>
    state.kind === 'suspect' || (state.kind === 'connecting' && nowMs - state.since < settledMs);
  return states.some(({ kind }) => kind === 'ready') && !states.some(unsettled);
}
