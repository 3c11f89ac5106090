/**
 * Defines how the circuit breaker counts unreachable shards: failures of a shard that is known to be down do not count
 * against the other shards.
 */
import type { ConnectionState } from '../../api/types.ts';

/**
 * Whether some shards are ready and every other shard has been unreachable for `settledMs`. If a shard hangs or has
 * just been lost, others may follow, so its failures count.
 *
 * @param shards the state of each shard, and how long the state has lasted, in ms
 */
export function otherShardsServing(
  shards: readonly { readonly state: Pick<ConnectionState, 'kind'>; readonly stateForMs: number }[],
  settledMs: number,
): boolean {
  const unsettled = ({ state: { kind }, stateForMs }: (typeof shards)[number]): boolean =>
    kind === 'suspect' || (kind === 'connecting' && stateForMs < settledMs);
  return shards.some(({ state }) => state.kind === 'ready') && !shards.some(unsettled);
}
