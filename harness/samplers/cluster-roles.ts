/**
 * Records which node becomes master in a cluster, and when, because cluster nodes, unlike sentinels, do not publish
 * this. Queries the ROLE of every node ten times per second and records only changes.
 */
import type { Sampler, SamplerContext } from './sampler.ts';

const ASK_EVERY_MS = 100;

export function sampleClusterRoles({ environment, clock, recorder }: SamplerContext): Sampler {
  if (environment.cluster === undefined) return { stop: async () => undefined };
  const asked = new Map<string, Promise<void>>();
  const roles = new Map<string, string>();

  const ask = async (node: string) => {
    try {
      const [role] = (await (await environment.admin(node)).call('ROLE')) as readonly [string];
      if (roles.get(node) === role) return;
      roles.set(node, role);
      recorder.record({
        type: 'observe',
        from: 'info',
        name: 'role',
        node,
        atUs: clock.nowUs(),
        data: { role },
      });
    } catch {
      // The node is down or hung and therefore has no role.
    } finally {
      asked.delete(node);
    }
  };
  const askAll = () => {
    for (const { id } of environment.topology.redis) if (!asked.has(id)) asked.set(id, ask(id));
  };
  const timer = setInterval(askAll, ASK_EVERY_MS);
  askAll();
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(asked.values());
    },
  };
}
