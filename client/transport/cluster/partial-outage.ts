/** Unreachable shards, as seen by the circuit breaker: a shard that is known to be down says nothing about the others. */
import type { ConnectionState } from '../../api/types.ts';

/**
 * Every shard is there or has been away for `settledMs`, and some are there. One that hangs, or was lost a moment ago, is
 * perhaps not alone: then what it fails by counts.
 *
 * @param shards the state of each, and for how long it has lasted, in ms
 */
export function otherShardsServing(
  shards: readonly { readonly state: Pick<ConnectionState, 'kind'>; readonly stateForMs: number }[],
  settledMs: number,
): boolean {
  const unsettled = ({ state: { kind }, stateForMs }: (typeof shards)[number]): boolean =>
    kind === 'suspect' || (kind === 'connecting' && stateForMs < settledMs);
  return shards.some(({ state }) => state.kind === 'ready') && !shards.some(unsettled);
}
