/**
 * An environment on three Docker engines, each with its own address: one is reached over ssh, one over TLS, one through a
 * socket. The host with the master fails entirely, including its engine, and returns.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { loadGates } from '../../../../config/gates.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { inspectContainers, listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { LABEL, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import type { EnvironmentView } from '../../../../scripts/environment-view.ts';
import { loadAtRate, lostKeys, openApplicationCache } from '../../../support/durable-writes.ts';
import { type EngineAccess, type FurtherHost, HostNetwork } from '../../../support/further-host.ts';
import { callKit } from '../../../support/kit-call.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { missingSshServer } from '../../../support/ssh-server.ts';
import { configuration, describeOnEngine, engineStateDir } from './fixtures.ts';

const MAIN = 'unix:///var/run/docker.sock';
/** Without an ssh server on this machine, the other tests still run, through a socket. */
const withoutSsh = missingSshServer();
const accessOrSocket = (access: EngineAccess): EngineAccess =>
  access === 'ssh' && withoutSsh !== '' ? 'socket' : access;

/** The environment's target, in ms, for the time until writes resume after the master is lost. */
function failoverGoalMs(): number {
  const gate = loadGates().gates.find(({ id }) => id === 'failover-time-master-crash');
  return gate?.target.value ?? Number.NaN;
}

export interface LostHostOptions {
  /** Name of the environment. */
  readonly name: string;
  readonly firstPort: number;
  /** Name of the bridge between the hosts, and the first three octets of their addresses. */
  readonly network: readonly [bridge: string, prefix: string];
  /** Access to the engine of the host with the master, which is lost. The other host is reached in the other way. */
  readonly lostOver: 'ssh' | 'tls';
}

/** Declares the suite. */
export function lostHost({ name, firstPort, network: [bridge, prefix], lostOver }: LostHostOptions): void {
  const state = engineStateDir();
  const substrate = dockerSubstrate({ stateDir: state.path });

  describeOnEngine('an environment on three hosts', () => {
    let network: HostNetwork;
    let lost: FurtherHost;
    let overSsh: FurtherHost;
    let config: EnvironmentConfig;
    let environment: Environment;
    const file = join(state.path, 'hosts.yaml');
    const status = async () => {
      const { out, exitCode } = await callKit('status', '--env', file, '--substrate', 'docker', '--json');
      return { exitCode, view: JSON.parse(out) as EnvironmentView };
    };

    beforeAll(async () => {
      expect(process.getuid?.(), 'network namespaces require root').toBe(0);
      network = await HostNetwork.create(bridge, prefix);
      lost = await network.start('b', 2, accessOrSocket(lostOver));
      const other = await network.start('c', 3, accessOrSocket(lostOver === 'ssh' ? 'tls' : 'ssh'));
      overSsh = lostOver === 'ssh' ? lost : other;
      if (withoutSsh === '') vi.stubEnv('PATH', overSsh.ssh.searchPath);
      config = environmentSchema.parse({
        ...configuration(name, {}, firstPort),
        hosts: [lost.setting, other.setting, { name: 'a', engine: MAIN, address: network.address }],
      });
      writeFileSync(file, JSON.stringify(config));
      vi.stubEnv('KIT_STATE_DIR', state.path);
      environment = await substrate.apply(planTopology(config), { ephemeral: false });
    });

    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      try {
        await substrate.destroy(name, { configuration: config });
        if (withoutSsh === '') expect(overSsh.ssh.dropped).toBe(0);
      } finally {
        await network?.[Symbol.asyncDispose]();
      }
      for (const kind of ['container', 'volume', 'network'] as const)
        expect(await listLabelled(kind, `${LABEL.environment}=${name}`)).toEqual([]);
      vi.unstubAllEnvs();
      state[Symbol.dispose]();
    });

    it('each node runs on the engine of its host', async () => {
      const plan = planDocker(planTopology(config));
      const [, , own] = plan.hosts;
      const here = plan.nodes.filter(({ engine }) => engine === own?.engine);
      expect(here.map(({ id }) => id)).toEqual(['redis-3', 'sentinel-3']);
      const names = (await listLabelled('container', `${LABEL.environment}=${name}`)).filter((found) =>
        plan.nodes.some(({ container }) => container === found),
      );
      expect(names).toEqual(here.map(({ container }) => container).sort());
      expect((await inspectContainers(plan.nodes)).size).toBe(6);
    });

    const logIn = `the kit and Terraform log in to the host over ssh${withoutSsh && ` [skipped: ${withoutSsh}]`}`;
    it.runIf(withoutSsh === '')(logIn, async () => {
      const before = overSsh.ssh.logins;
      const { view } = await status();
      const asked = overSsh.ssh.logins;
      await terraformPlan(config, { stateDir: state.path });
      expect(view.nodes.find(({ host }) => host === overSsh.name)?.state).toBe('running');
      expect([asked > before, overSsh.ssh.logins > asked]).toEqual([true, true]);
      expect(overSsh.setting.engine).toMatch(/^ssh:\/\//);
    });

    it('a second plan changes nothing, whatever certificates the user has for another engine', async () => {
      vi.stubEnv('DOCKER_CERT_PATH', join(state.path, 'nowhere'));
      const { changes } = await terraformPlan(config, { stateDir: state.path });
      vi.stubEnv('DOCKER_CERT_PATH', undefined);
      expect(changes).toBe(false);
    });

    it('no client key is in the state or in the synthesised text', () => {
      const keys = (config.hosts ?? []).flatMap(({ tls }) => tls?.key ?? []);
      const lines = keys.flatMap((key) => readFileSync(key, 'utf8').split('\n'));
      const secrets = lines.filter((line) => line.length > 20 && !line.startsWith('---'));
      const files = [`docker/${name}/terraform.tfstate`, `cdktf.out/stacks/${name}/cdk.tf.json`];
      const texts = files.map((path) => readFileSync(join(state.path, path), 'utf8'));
      expect(secrets.length).toBeGreaterThan(0);
      expect(secrets.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
    });

    it('kit status shows the host of each node', async () => {
      const { exitCode, view } = await status();
      expect(view.nodes.map(({ host }) => host)).toEqual(['b', 'c', 'a', 'b', 'c', 'a']);
      expect(exitCode).toBe(0);
    });

    it('a failure of the host with the master loses no durable write, and writes resume within the target', async () => {
      expect(await environment.masterId()).toBe('redis-1');
      const cache = openApplicationCache(environment);
      const durably = async (key: string) => {
        const options = { durability: { replicas: 1, timeoutMs: 1_000 } };
        const written = await cache.set(key, 1, options).catch(() => undefined);
        return written?.source === 'redis';
      };
      const load = loadAtRate(cache, 50);
      await waitUntil('a write before the loss', () => durably('before'));
      await lost.lose();
      const successor = async () => {
        const master = await environment.masterId().catch(() => undefined);
        return master !== undefined && master !== 'redis-1';
      };
      await waitUntil('another master', successor, 60_000);
      await waitUntil('a write after the loss', () => durably('after'), 60_000);
      const { acknowledged, longestGapMs } = await load.stop();
      expect(longestGapMs).toBeLessThan(failoverGoalMs());
      expect(await lostKeys(environment, cache, [...acknowledged, 'before', 'after'])).toEqual([]);
      await cache.close();
      const sentinel = await environment.admin('sentinel-2');
      expect(String(await sentinel.call('SENTINEL', 'CKQUORUM', 'mymaster'))).toMatch(/^OK 2 usable/);
    });

    it('kit status names the unreachable host', async () => {
      const { exitCode, view } = await status();
      const unreachable = view.nodes.filter((node) => node.state === 'unreachable');
      expect(unreachable.map(({ id, host }) => `${id} ${host}`)).toEqual(['redis-1 b', 'sentinel-1 b']);
      expect(exitCode).toBe(1);
      const { out } = await callKit('status', '--env', file, '--substrate', 'docker');
      expect(out).toContain('host b is unreachable: the state of redis-1, sentinel-1 is unknown');
    });

    it('kit up names the unreachable host', async () => {
      const { err } = await callKit('up', '--env', file, '--substrate', 'docker');
      expect(err).toContain("the Docker engine of host 'b' is not reachable");
    });

    it('the node on a returned host becomes a replica of the new master', async () => {
      await lost.restore();
      await waitUntil('the environment to be healthy', async () => (await status()).view.healthy, 90_000);
      expect(['redis-2', 'redis-3']).toContain(await environment.masterId());
      const noDrift = async () =>
        (await findDrift(planDocker(planTopology(config)), state.path)).length === 0;
      // A failed health check is repeated every 10 s.
      await waitUntil('no drift', noDrift);
    });
  });
}
