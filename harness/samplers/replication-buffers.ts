/**
 * Samples the sizes of the buffers that a Redis node keeps for its replicas, once at the start of a trial. The checker
 * `replication-buffers` compares the sizes with the writes.
 */
import type { Sampler, SamplerContext } from './sampler.ts';

const DIRECTIVES = ['repl-backlog-size', 'client-output-buffer-limit'] as const;

/** Resolves when every node has replied or failed. External servers are not queried: CONFIG is never sent to them. */
export async function sampleReplicationBuffers({
  environment,
  clock,
  recorder,
}: SamplerContext): Promise<Sampler> {
  const ask = async (node: string) => {
    try {
      const flat = (await (await environment.admin(node)).call('CONFIG', 'GET', ...DIRECTIVES)) as string[];
      const data = Object.fromEntries(
        flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])),
      );
      recorder.record({ type: 'observe', from: 'info', name: 'buffers', node, atUs: clock.nowUs(), data });
    } catch {
      // The node is down or hung; the gap in the samples shows this.
    }
  };
  if (environment.substrate !== 'external') {
    await Promise.all(environment.topology.redis.map(({ id }) => ask(id)));
  }
  return { stop: async () => undefined };
}
