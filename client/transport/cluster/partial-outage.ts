/** Unreachable shards, as seen by the circuit breaker: a shard that is known to be down does not count for the others. */
import type { ConnectionState } from '../../api/types.ts';

/**
 * True if some shards are ready and every other one has been unreachable for `settledMs`. If a shard hangs or was just lost,
 * others may follow: then its failures count.
 *
 * @param shards the state of each shard, and how long it has lasted, in ms
 */
export function otherShardsServing(
  shards: readonly { readonly state: Pick<ConnectionState, 'kind'>; readonly stateForMs: number }[],
  settledMs: number,
): boolean {
  const unsettled = ({ state: { kind }, stateForMs }: (typeof shards)[number]): boolean =>
    kind === 'suspect' || (kind === 'connecting' && stateForMs < settledMs);
  return shards.some(({ state }) => state.kind === 'ready') && !shards.some(unsettled);
}
