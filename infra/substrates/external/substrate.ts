/**
 * Substrate for an external Redis. The kit never creates or ends it: `apply` checks whether it can be used and returns
 * a handle without capabilities. Disposing and destroying change nothing.
 */
import type { ExternalTarget } from '../../../config/external-target.ts';
import type { Topology } from '../../topology.ts';
import type { Environment } from '../environment.ts';
import type { ApplyOptions, DestroyReport, FoundEnvironment, PlanStep, Substrate } from '../substrate.ts';
import { describeAllowlist } from './command-allowlist.ts';
import { ExternalEnvironment } from './environment.ts';
import { checkExternal } from './preflight.ts';

export function externalSubstrate(target: ExternalTarget): Substrate {
  return {
    name: 'external',
    async plan({ redis }: Topology): Promise<readonly PlanStep[]> {
      return redis.map(({ id }) => ({ action: 'keep', nodeId: id, detail: 'external Redis' }));
    },
    async apply(topology: Topology, { progress }: ApplyOptions): Promise<Environment> {
      const prefix = prefixOf(topology);
      const found = await checkExternal(target, prefix);
      const places = found.masters.map(({ address: { host, port } }) => `${host}:${port}`).join(', ');
      progress?.(`connected to ${found.server} ${found.version} at ${places}: ${describeAllowlist(prefix)}`);
      return new ExternalEnvironment(topology, target, found);
    },
    async open(topology: Topology): Promise<Environment | undefined> {
      return new ExternalEnvironment(topology, target, await checkExternal(target, prefixOf(topology)));
    },
    async find(_name: string, asked: Topology | undefined): Promise<FoundEnvironment | undefined> {
      if (asked === undefined) return undefined;
      const environment = new ExternalEnvironment(
        asked,
        target,
        await checkExternal(target, prefixOf(asked)),
      );
      return { environment, differences: [], hasCredentials: true };
    },
    async destroy(): Promise<DestroyReport> {
      return { ended: [], removed: [] };
    },
  };
}

function prefixOf({ environment }: Topology): string {
  return `${environment.client.namespace}:`;
}
