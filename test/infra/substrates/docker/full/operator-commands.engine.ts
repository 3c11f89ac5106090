/**
 * The operator's commands on containers. The environment has one node, so one short deploy is enough for all commands.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { loadEnvironment } from '../../../../../config/load.ts';
import { environmentSchema } from '../../../../../config/schema.ts';
import { dockerSubstrate } from '../../../../../infra/substrates/docker/substrate.ts';
import { planTopology } from '../../../../../infra/topology.ts';
import { commandsContract } from '../../../../contracts/commands/commands.contract.ts';
import { type CommandPlace, NAMESPACE, nodesOfEnvironment } from '../../../../contracts/commands/place.ts';
import { describeOnEngine, engineStateDir } from '../fixtures.ts';

const state = engineStateDir();
afterAll(() => state[Symbol.dispose]());

const single = loadEnvironment('single');
const config = environmentSchema.parse({
  ...single,
  name: 'operated',
  client: { ...single.client, namespace: NAMESPACE },
  docker: { ports: { redis: 29_400, sentinel: 29_410, exporter: 29_420, commander: 29_421 } },
});

describeOnEngine('Docker', () => {
  commandsContract('Docker', async (): Promise<CommandPlace> => {
    const file = join(state.path, 'operated.yaml');
    writeFileSync(file, JSON.stringify(config));
    const environment = await dockerSubstrate({ stateDir: state.path }).apply(planTopology(config), {
      ephemeral: true,
    });
    const end = async () => {
      vi.unstubAllEnvs();
      await environment[Symbol.asyncDispose]();
    };
    try {
      vi.stubEnv('KIT_STATE_DIR', state.path);
      const nodes = await nodesOfEnvironment(file);
      expect(nodes.map(({ id }) => id)).toEqual(['redis-1']);
      // The options omit --substrate, so the commands must find the environment where it runs.
      return { options: { env: file }, substrate: 'docker', nodes, [Symbol.asyncDispose]: end };
    } catch (error) {
      await end();
      throw error;
    }
  });
});
