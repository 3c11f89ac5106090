import { sampleClusterRoles } from './cluster-roles.ts';
import { sampleNodeInfo } from './node-info.ts';
import { sampleProcess } from './process-usage.ts';
import { sampleReplicationBuffers } from './replication-buffers.ts';
import type { Sampler, SamplerContext } from './sampler.ts';
import { sampleSentinelEvents } from './sentinel-events.ts';

/** Starts all samplers; resolves when the subscriptions are in place. */
export async function startSamplers(context: SamplerContext): Promise<Sampler> {
  const samplers = [
    sampleProcess(context),
    sampleNodeInfo(context),
    sampleClusterRoles(context),
    await sampleReplicationBuffers(context),
    await sampleSentinelEvents(context),
  ];
  return {
    async stop() {
      await Promise.all(samplers.map((sampler) => sampler.stop()));
    },
  };
}
