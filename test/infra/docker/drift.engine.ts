/**
 * Every kind of drift on a real engine: named within 5 s, looking changes nothing, and what it says of the next apply is
 * what Terraform plans.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { environmentSchema } from '../../../config/schema.ts';
import { type DriftFinding, findDrift, type NextApply } from '../../../infra/docker/drift.ts';
import { docker } from '../../../infra/docker/engine.ts';
import { planDocker } from '../../../infra/docker/plan.ts';
import { dockerSubstrate } from '../../../infra/docker/substrate.ts';
import { deploy, terraformPlan } from '../../../infra/docker/terraform.ts';
import { planTopology } from '../../../infra/topology.ts';
import { until } from '../../support/redis.ts';
import { describeOnEngine, engineStateDir } from './bench.ts';
import { inVolume, remake } from './by-hand.ts';

const state = engineStateDir();
const ports = { redis: 27_800, sentinel: 27_810, exporter: 27_820, commander: 27_821 };
const config = environmentSchema.parse({ ...loadEnvironment('single'), name: 'drifting', docker: { ports } });
const plan = planDocker(planTopology(config));
const { exporter, networks } = plan;
const [node = plan.exporter] = plan.nodes;
const terraform = { stateDir: state.path };
const image = () => String(JSON.parse(readFileSync(join(state.path, 'docker', 'images.json'), 'utf8')).redis);

async function drift(): Promise<readonly DriftFinding[]> {
  const started = performance.now();
  const found = await findDrift(plan, state.path);
  expect(performance.now() - started).toBeLessThan(5_000);
  return found;
}
const noDrift = () => until('no drift', async () => (await drift()).length === 0, 30_000);

/** What Terraform plans for a container, network or volume. */
const ACTIONS: Readonly<Record<string, NextApply>> = {
  create: 'creates it',
  replace: 'replaces it',
  update: 'updates it in place',
};
async function planned(): Promise<readonly { readonly address: string; readonly nextApply?: NextApply }[]> {
  const { steps } = await terraformPlan(config, terraform);
  return steps.map(({ action, address }) => ({ address, nextApply: ACTIONS[action] as NextApply }));
}

describeOnEngine('drift', () => {
  beforeAll(async () => {
    const environment = await dockerSubstrate({ stateDir: state.path }).apply(planTopology(config), { ephemeral: false });
    await environment[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await dockerSubstrate({ stateDir: state.path }).destroy(config.name);
    state[Symbol.dispose]();
  });
  const show = async (what: string) => {
    const found = await drift();
    console.log(what, JSON.stringify(found.map(f=>[f.what,f.kind,f.found,f.nextApply])), JSON.stringify(await planned()));
  };
  it('explore', async () => {
    await show('clean');
    await docker(['pause', node.container]); await show('paused'); await docker(['unpause', node.container]);
    await docker(['stop','-t','1', node.container]); await show('stopped'); await docker(['start', node.container]);
    await docker(['network','disconnect',networks.data.name, exporter.container]); await show('disc data'); await docker(['network','connect','--ip',exporter.address.host,networks.data.name, exporter.container]);
    await docker(['network','disconnect',networks.publish.name, exporter.container]); await show('disc publish'); await docker(['network','connect',networks.publish.name, exporter.container]);
    await docker(['update','--memory','300m','--memory-swap','300m', exporter.container]); await show('memory'); await docker(['update','--memory',`${exporter.memoryMb}m`,'--memory-swap',`${exporter.memoryMb}m`, exporter.container]);
    await docker(['update','--restart','no', exporter.container]); await show('restart'); await docker(['update','--restart','unless-stopped', exporter.container]);
    await inVolume(exporter.configVolume, image(), 'echo "# x" >> /v/exporter.sh'); await show('conf'); await inVolume(exporter.configVolume, image(), 'sed -i "$ d" /v/exporter.sh');
    for (const [k, c] of Object.entries({
      env: (b: any) => b.Env.push('X=1'), label: (b: any) => { b.Labels['redis-cache-kit.node']='x'; }, health: (b: any) => { b.Healthcheck.Test=['CMD','true']; },
      image: (b: any) => { b.Image = image(); }, port: (b: any) => { b.HostConfig.PortBindings['9121/tcp'][0].HostPort='27829'; }, memory: (b: any) => { b.HostConfig.Memory=b.HostConfig.MemorySwap=200*1024**2; },
    })) { await remake(exporter, networks, c); await show('remade '+k);
      await docker(['rm','-f',exporter.container]); if (k==='env') await show('removed'); await deploy(config, terraform); await show('after deploy'); }
    await docker(['rm','-f',exporter.container]); await docker(['volume','rm',exporter.configVolume]); await show('vol missing'); await deploy(config, terraform); await show('after deploy');
    for (const c of [node.container, exporter.container, plan.commander.container]) await docker(['network','disconnect','-f',networks.publish.name,c]);
    await docker(['network','rm',networks.publish.name]); await show('net missing'); await deploy(config, terraform).catch(e=>console.log(String(e))); await show('after deploy');
  }, 300000);
});
