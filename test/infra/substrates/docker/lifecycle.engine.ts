/** One environment on a real engine: deployed, inspected, damaged, repaired, replaced node by node, and destroyed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { secretsFile } from '../../../../config/secrets.ts';
import { switchover } from '../../../../infra/operations/switchover.ts';
import { findDrift } from '../../../../infra/substrates/docker/drift.ts';
import { docker, inspectContainers, listLabelled } from '../../../../infra/substrates/docker/engine.ts';
import { dockerSecrets, readValues } from '../../../../infra/substrates/docker/generated-values.ts';
import { LABEL, planDocker, servicesOf } from '../../../../infra/substrates/docker/plan.ts';
import { dockerSubstrate } from '../../../../infra/substrates/docker/substrate.ts';
import { deploy, replaceContainer, terraformPlan } from '../../../../infra/substrates/docker/terraform.ts';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, deployLabels, describeOnEngine, engineStateDir } from './fixtures.ts';

const state = engineStateDir();
/** The path of a webhook is a secret, like a password. */
const WEBHOOK = ['hooks.example.org', 'tokenOfTheChannel'];
const config = environmentSchema.parse({
  ...configuration('lifecycle', {}, 27_400),
  observability: { webhook: `https://${WEBHOOK.join('/')}` },
});
const topology = planTopology(config);
const plan = planDocker(topology);
const substrate = dockerSubstrate({ stateDir: state.path });
const terraform = { stateDir: state.path };
let environment: Environment;

const changes = async () => (await terraformPlan(config, terraform)).changes;
const drift = () => findDrift(plan, state.path);
/** A failed health check is retried every 10 s. */
const noDrift = () => waitUntil('no drift', async () => (await drift()).length === 0);
const awaitHealthy = () =>
  waitUntil('the environment to be healthy', () => isHealthy(environment).catch(() => false), 60_000);

describeOnEngine('an environment on the engine', () => {
  beforeAll(async () => {
    environment = await substrate.apply(topology, { ephemeral: false });
  });

  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await substrate.destroy(config.name);
    for (const kind of ['container', 'volume', 'network'] as const) {
      expect(await listLabelled(kind, `${LABEL.environment}=${config.name}`)).toEqual([]);
    }
    state[Symbol.dispose]();
  });

  it('a second plan changes nothing, even after a failover', async () => {
    expect(await changes()).toBe(false);
    const before = await environment.masterId();
    await environment.capabilities.kill?.(before as string);
    const deposed = async () => ![undefined, before].includes(await environment.masterId());
    // An election without a winner, which can happen on a busy machine, is retried after twice the failover timeout.
    await waitUntil('a failover', deposed, 90_000);
    await environment.capabilities.start?.(before as string);
    await awaitHealthy();
    expect(await changes()).toBe(false);
    await noDrift();
  });

  it('every service has a process limit, even after its replacement', async () => {
    const limits = async () => {
      const services = servicesOf(plan).map(({ container }) => container);
      return [...(await inspectContainers(services)).values()].map(({ HostConfig }) => HostConfig.PidsLimit);
    };
    expect(await limits()).toEqual(Array(9).fill(256));
    await replaceContainer(config, plan.exporter.container, terraform);
    expect(await limits()).toEqual(Array(9).fill(256));
    await noDrift();
  });

  it('no secret is in the state, the synthesised text, docker inspect or a log', async () => {
    const { redis, sentinel } = dockerSecrets(state.path, config.name);
    const secrets = [...Object.values(redis), ...Object.values(sentinel)].map((secret) => secret.reveal());
    secrets.push(readValues(state.path, config.name).commanderPassword, ...WEBHOOK);
    const names = await listLabelled('container', `${LABEL.environment}=${config.name}`);
    const texts = [
      readFileSync(join(state.path, 'docker', config.name, 'terraform.tfstate'), 'utf8'),
      readFileSync(join(state.path, 'cdktf.out/stacks', config.name, 'cdk.tf.json'), 'utf8'),
      await docker(['inspect', ...names]),
      ...[...environment.logs.values()].map((path) => readFileSync(path, 'utf8')),
      ...(await Promise.all(names.map((name) => docker(['logs', name])))),
    ];
    expect(names).toHaveLength(11);
    for (const text of texts) expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('the exporter serves metrics for the master and for any node, and the Commander requires a login', async () => {
    const url = `http://127.0.0.1:${plan.exporter.published.port}`;
    await waitUntil('the exporter to answer for the master', async () => {
      // The exporter has just been replaced, and may not be listening yet.
      const answer = await fetch(`${url}/metrics`).catch(() => undefined);
      const metrics = (await answer?.text()) ?? '';
      return /^redis_up 1$/m.test(metrics) && /^redis_instance_info.*role="master"/m.test(metrics);
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /^redis_exporter_build_info\{build_date="\d{4}-[^"]*",commit_sha="[^<"]+",golang_version="go1[^"]*",version="v1\.88\.0"\} 1$/m,
    );
    for (const { id, container, node, address } of plan.nodes) {
      // The node is addressed by the name in `kit status`, by the name in `docker ps`, and by the address.
      for (const name of [id, container, address.host]) {
        const answer = await fetch(`${url}/scrape?target=${name}:${address.port}`);
        const metrics = await answer.text();
        expect(metrics, name).toMatch(/^redis_up 1$/m);
        if (node.role === 'sentinel')
          expect(metrics, name).toMatch(/^redis_sentinel_master_status\{.*master_name="mymaster".*\} 1$/m);
      }
    }
  });

  it('the Commander is served behind a login, with every file of its page', async () => {
    const page = `http://127.0.0.1:${plan.commander.published.port}/`;
    expect((await fetch(`${page}connections`)).status).toBe(401);
    const login = `admin:${readValues(state.path, config.name).commanderPassword}`;
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    const html = await (await fetch(page, { headers: { authorization } })).text();
    const files = [...html.matchAll(/(?:href|src)="([^"#:]+\.(?:css|js))"/g)].map(([, file]) => file);
    expect(files).toEqual(expect.arrayContaining(['json-viewer/jquery.json-viewer.js']));
    const statuses = files.map(async (file) => [
      file,
      (await fetch(`${page}${file}`, { headers: { authorization } })).status,
    ]);
    expect(await Promise.all(statuses)).toEqual(files.map((file) => [file, 200]));
  });

  it('the applied environment is found after settings and passwords change, and differences are reported', async () => {
    const today = planTopology({ ...config, redis: { ...config.redis, maxmemory: 64 * 1024 ** 2 } });
    const found = await substrate.find(config.name, today);
    expect(found?.environment.topology.environment).toEqual(config);
    expect(found).toMatchObject({
      hasCredentials: true,
      differences: ['redis.maxmemory: running with 268435456, configured as 67108864'],
    });
    await found?.environment[Symbol.asyncDispose]();
    vi.stubEnv('KIT_REDIS_ADMIN_PASSWORD', 'another-password-of-today');
    const locked = await substrate.find(config.name, topology);
    vi.unstubAllEnvs();
    expect(locked?.hasCredentials).toBe(false);
    expect(locked?.differences).toEqual([expect.stringMatching(/^passwords: .* of Redis user 'admin'/)]);
    expect((await locked?.environment.status())?.every((node) => node.state === 'running')).toBe(true);
    await locked?.environment[Symbol.asyncDispose]();
    const file = secretsFile(config.name, join(state.path, 'docker'));
    const secrets = readFileSync(file);
    writeFileSync(file, '{"redis":');
    try {
      const damaged = await substrate.find(config.name, topology);
      expect(damaged?.hasCredentials).toBe(false);
      expect(damaged?.differences).toEqual([expect.stringMatching(/^passwords: .*secrets\.json /)]);
      expect((await damaged?.environment.status())?.every((node) => node.state === 'running')).toBe(true);
      await damaged?.environment[Symbol.asyncDispose]();
    } finally {
      writeFileSync(file, secrets);
    }
    const same = await substrate.find(config.name, topology);
    expect(same).toMatchObject({ hasCredentials: true, differences: [] });
    expect(same?.environment.access).toMatchObject({
      passwords: expect.stringContaining('secrets.json'),
      'Redis Commander': expect.stringContaining('commander.password'),
    });
    await same?.environment[Symbol.asyncDispose]();
  });

  it('a master that hung during a failover is a replica when the next command returns', async () => {
    const former = (await environment.masterId()) as string;
    const heal = await environment.capabilities.pause?.(former);
    const deposed = async () => ![undefined, former].includes(await environment.masterId());
    await waitUntil('a failover', deposed, 90_000);
    const successor = await environment.masterId();
    await heal?.();
    // For about 10 s, the previous master reports ROLE master, while the sentinels report the new one.
    expect(await environment.masterId()).toBe(successor);
    const again = await substrate.apply(topology, { ephemeral: false });
    expect(String(await (await again.admin(former)).call('ROLE'))).toMatch(/^slave/);
    expect(await again.masterId()).toBe(successor);
    await again[Symbol.asyncDispose]();
  });

  it('kit up starts all stopped nodes at the same time, so a replica can become master', async () => {
    const former = (await environment.masterId()) as string;
    // If the nodes were started one after another, the previous master would wait for sentinels that start after it.
    for (const id of [former, 'sentinel-2', 'sentinel-3']) await environment.capabilities.kill?.(id);
    const lines: string[] = [];
    const progress = (line: string) => void lines.push(line);
    const again = await substrate.apply(topology, { ephemeral: false, progress });
    expect(lines).toContain(`starting ${former}, sentinel-2, sentinel-3`);
    expect(await again.masterId()).not.toBe(former);
    expect(String(await (await again.admin(former)).call('ROLE'))).toMatch(/^slave/);
    await again[Symbol.asyncDispose]();
  });

  it('a deploy repairs a stopped, a removed and a half-created node', async () => {
    const [first, second, third] = plan.nodes.slice(3);
    await docker(['stop', '--time', '1', first?.container ?? '']);
    await docker(['rm', '-f', second?.container ?? '']);
    await docker(['rm', '-f', third?.container ?? '']);
    // The state after an interruption: the container is created but not started, and is in no state file.
    const labels = deployLabels(config, state.path);
    await docker(['create', '--name', third?.container ?? '', ...labels, imageOf('redis')]);
    expect((await drift()).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['stopped', 'container-missing', 'configuration']),
    );
    await substrate.apply(topology, { ephemeral: false }).then((handle) => handle[Symbol.asyncDispose]());
    await awaitHealthy();
    expect(await changes()).toBe(false);
    await noDrift();
  });

  it('a deploy to another subnet keeps data and roles', async () => {
    const before = (await environment.masterId()) as string;
    if (before === 'redis-1') await switchover(environment);
    const master = (await environment.masterId()) as string;
    await (await environment.admin(master)).set('moved', 'with its volume');
    const elsewhere = { ...config, docker: { ...config.docker, subnet: '10.127.201.0/24' } };
    await deploy(elsewhere, terraform);
    const handle = (await substrate.open(planTopology(elsewhere))) as Environment;
    try {
      await waitUntil('the environment to be healthy', () => isHealthy(handle).catch(() => false), 60_000);
      expect(await handle.masterId()).toBe(master);
      expect(await (await handle.admin(master)).get('moved')).toBe('with its volume');
      expect((await terraformPlan(elsewhere, terraform)).changes).toBe(false);
    } finally {
      await handle[Symbol.asyncDispose]();
    }
  });

  it('a destroy needs no passwords, so it can remove an environment with a damaged secrets file', async () => {
    await environment[Symbol.asyncDispose]();
    writeFileSync(secretsFile(config.name, join(state.path, 'docker')), '{"redis":');
    const { ended } = await substrate.destroy(config.name);
    expect(ended).toEqual(plan.nodes.map(({ id }) => id));
    for (const kind of ['container', 'volume', 'network'] as const)
      expect(await listLabelled(kind, `${LABEL.environment}=${config.name}`)).toEqual([]);
    expect(existsSync(dirname(secretsFile(config.name, join(state.path, 'docker'))))).toBe(false);
  });
});

function imageOf(role: 'redis' | 'exporter'): string {
  const images = JSON.parse(readFileSync(join(state.path, 'docker', 'images.json'), 'utf8'));
  return String(images[role]);
}

async function isHealthy(env: Environment): Promise<boolean> {
  const master = await env.masterId();
  if (master === undefined) return false;
  for (const { id } of env.topology.redis) {
    const info = await (await env.admin(id)).info('replication');
    if (id !== master && !info.includes('master_link_status:up')) return false;
  }
  for (const { id } of env.topology.sentinels) {
    const sentinel = await env.admin(id);
    const reply = String(await sentinel.call('SENTINEL', 'CKQUORUM', env.endpoints.serviceName));
    if (!reply.startsWith(`OK ${env.topology.sentinels.length} `)) return false;
    const fields = (await sentinel.call('SENTINEL', 'MASTER', env.endpoints.serviceName)) as string[];
    if (fields[fields.indexOf('num-slaves') + 1] !== String(env.topology.redis.length - 1)) return false;
    if (fields[fields.indexOf('flags') + 1] !== 'master') return false;
  }
  return true;
}
