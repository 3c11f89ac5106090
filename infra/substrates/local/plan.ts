/** Plans `apply` from the requested configuration and the ledger. Changes nothing. */
import { sha256Hex } from '../../../config/digest.ts';
import { isAlive } from '../../host/process-identity.ts';
import { nodesOf, type Topology } from '../../topology.ts';
import type { PlanStep } from '../substrate.ts';
import type { Ledger } from './ledger.ts';

/**
 * Returns the digest of the configuration. A different digest means that the running configuration is not the requested
 * one. Backup settings are excluded, because they affect no node.
 */
export function configHashOf({ environment }: Pick<Topology, 'environment'>): string {
  const { backup: _, ...ofNodes } = environment;
  return sha256Hex(sortedJson(ofNodes));
}

export async function planSteps(
  topology: Topology,
  ledger: Ledger | undefined,
): Promise<readonly PlanStep[]> {
  const wanted = nodesOf(topology).map(({ id }) => id);
  if (ledger === undefined) {
    return wanted.map((nodeId) => ({ action: 'create', nodeId, detail: 'not running' }));
  }
  const changed = ledger.configHash !== configHashOf(topology);
  const steps = wanted.map(async (nodeId): Promise<PlanStep> => {
    const address = ledger.placement[nodeId];
    if (address === undefined) return { action: 'create', nodeId, detail: 'new in the configuration' };
    const where = `${address.host}:${address.port}`;
    if (changed) return { action: 'replace', nodeId, detail: `${where}: the configuration has changed` };
    const identity = ledger.processes[nodeId];
    const alive = identity !== undefined && (await isAlive(identity));
    return alive
      ? { action: 'keep', nodeId, detail: `${where}, pid ${identity.pid}` }
      : { action: 'create', nodeId, detail: `${where}: it is not running` };
  });
  const removed = Object.keys(ledger.placement)
    .filter((nodeId) => !wanted.includes(nodeId))
    .map((nodeId): PlanStep => ({ action: 'remove', nodeId, detail: 'not in the configuration' }));
  return [...(await Promise.all(steps)), ...removed];
}

/** Formats a value as JSON with sorted keys, so that the order of keys in a file is irrelevant. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
