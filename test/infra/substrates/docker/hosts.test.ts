import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Testing } from 'cdktf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { engineTrouble } from '../../../../infra/substrates/docker/engine.ts';
import { dockerCommand, engineArgs } from '../../../../infra/substrates/docker/engines.ts';
import { bindingsOf, planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { type EnvironmentView, environmentText } from '../../../../scripts/environment-view.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { clusterConfiguration, configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

const tls = { ca: '/tls/ca.pem', cert: '/tls/cert.pem', key: '/tls/key.pem' };
const config = environmentSchema.parse({
  ...configuration('spread'),
  hosts: [
    { name: 'a', engine: 'ssh://kit@10.0.0.11', address: '10.0.0.11' },
    { name: 'b', engine: 'tcp://10.0.0.12:2376', address: '10.0.0.12', tls },
    { name: 'c', engine: 'unix:///run/docker.sock', address: '10.0.0.13' },
  ],
});
const plan = planDocker(planTopology(config));

describe('the plan of an environment on several hosts', () => {
  it('assigns to each node the address of its host, for clients and for other nodes', () => {
    expect(plan.nodes.map(({ address }) => `${address.host}:${address.port}`)).toEqual([
      ...['10.0.0.11:27300', '10.0.0.12:27301', '10.0.0.13:27302'],
      ...['10.0.0.11:27310', '10.0.0.12:27311', '10.0.0.13:27312'],
    ]);
    for (const { address, published } of plan.nodes) expect(published).toEqual(address);
  });

  it('runs the watchdog on the last host, separately from the first master', () => {
    expect(plan.watchdog?.engine?.host).toBe('c');
    expect(plan.exporter.engine?.host).toBe('a');
  });
});

/** Empty, so that DOCKER_CONTEXT and DOCKER_CERT_PATH do not replace the address or the connection of a host. */
const NO_VARIABLES = { context: '', cert_path: '' };

type Resource = Readonly<Record<string, unknown>> & { readonly name: string; readonly provider?: string };
interface Synthesised {
  readonly resource: Readonly<Record<string, Readonly<Record<string, Resource>>>>;
  readonly provider: { readonly docker: readonly Readonly<Record<string, string>>[] };
}

describe('the stack of an environment on several hosts', () => {
  let stack: Synthesised;
  const resources = (type: string) => Object.values(stack.resource[type] ?? {});

  beforeAll(async () => {
    const app = new App({ outdir: join(state.path, 'out') });
    const options = { stateDir: state.path, allowDestroy: undefined, ordered: false };
    stack = JSON.parse(Testing.synth(await addEnvironment(app, config, options)));
  });

  it('has a provider alias for each host, with a key that Terraform reads from a file', () => {
    expect(stack.provider.docker).toEqual([
      { alias: 'a', host: 'ssh://kit@10.0.0.11', ...NO_VARIABLES },
      {
        alias: 'b',
        host: 'tcp://10.0.0.12:2376',
        ...NO_VARIABLES,
        ca_material: `\${file("${tls.ca}")}`,
        cert_material: `\${file("${tls.cert}")}`,
        key_material: `\${file("${tls.key}")}`,
      },
      { alias: 'c', host: 'unix:///run/docker.sock', ...NO_VARIABLES },
    ]);
  });

  it('creates each container and its volumes on the engine of its host', () => {
    const providerOf = (type: string, name: string) =>
      resources(type).find((resource) => resource.name === name)?.provider;
    for (const { container, dataVolume, configVolume, engine } of plan.nodes) {
      expect(providerOf('docker_container', container)).toBe(`docker.${engine?.host}`);
      expect(providerOf('docker_volume', dataVolume)).toBe(`docker.${engine?.host}`);
      expect(providerOf('docker_volume', configVolume)).toBe(`docker.${engine?.host}`);
    }
  });

  it('assigns every resource to the provider of a host', () => {
    const types = Object.keys(stack.resource).filter((type) => type.startsWith('docker_'));
    expect(types.flatMap(resources).filter(({ provider }) => provider === undefined)).toEqual([]);
  });

  it('has one network per host and no internal network, so nodes reach other hosts', () => {
    const networks = resources('docker_network');
    expect(networks.map(({ provider }) => provider).sort()).toEqual(['docker.a', 'docker.b', 'docker.c']);
    expect(networks.filter(({ internal }) => internal === true)).toEqual([]);
  });

  it('creates on each host only the images that its containers use', () => {
    const on = (host: string) => resources('docker_image').filter((it) => it.provider === `docker.${host}`);
    expect(['a', 'b', 'c'].map((host) => on(host).length)).toEqual([3, 1, 2]);
  });

  it('creates on each host only the files of its containers', () => {
    const archive = readFileSync(join(state.path, 'docker', 'spread', 'files-b.tar'), 'latin1');
    expect(archive).toContain('kit-spread-redis-2-conf/');
    expect(archive).not.toContain('kit-spread-redis-1-conf/');
  });

  it('announces the address of the host, and keeps addresses after a restart', () => {
    const files = join(state.path, 'docker', 'spread', 'files', 'kit-spread-redis-2-conf');
    const conf = readFileSync(join(files, 'redis.conf'), 'utf8');
    expect(conf).toMatch(/^replica-announce-ip 10\.0\.0\.12$/m);
    expect(conf).toMatch(/^port 27301$/m);
    expect(readFileSync(join(files, 'node.env'), 'utf8')).toContain("FIXED_ADDRESSES='yes'\n");
  });
});

it('a stack without hosts has one provider without an alias, which no resource names', async () => {
  const app = new App({ outdir: join(state.path, 'out') });
  const options = { stateDir: state.path, allowDestroy: undefined, ordered: false };
  const text = Testing.synth(await addEnvironment(app, configuration('plain'), options));
  const { provider, resource }: Synthesised = JSON.parse(text);
  expect(provider.docker).toEqual([{}]);
  expect(Object.values(resource).flatMap((all) => Object.values(all).map((each) => each.provider))).toEqual(
    expect.not.arrayContaining([expect.anything()]),
  );
  // States of previous versions contain these addresses.
  expect(Object.keys(resource.docker_container ?? {})).toContainEqual(
    expect.stringMatching(/^configuration_init_[0-9A-F]+$/),
  );
});

describe('the command line of an engine', () => {
  it('is `docker` without hosts', () => {
    expect(dockerCommand(undefined)).toBe('docker');
  });

  it('names the engine and its client files', () => {
    expect(engineArgs({ host: 'b', url: 'tcp://10.0.0.12:2376', tls })).toEqual([
      ...['-H', 'tcp://10.0.0.12:2376', '--tlsverify', '--tlscacert', '/tls/ca.pem'],
      ...['--tlscert', '/tls/cert.pem', '--tlskey', '/tls/key.pem'],
    ]);
  });

  it('names the host and its client files in the error for an engine that does not reply', () => {
    const engine = { host: 'b', url: 'tcp://10.0.0.12:2376', tls };
    const stderr = 'error during connect: Get "https://10.0.0.12:2376/v1.50/version": EOF';
    expect(engineTrouble(stderr, engine)).toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: "the Docker engine of host 'b' is not reachable",
      where: 'tcp://10.0.0.12:2376',
      hint: expect.stringContaining("--tlskey' '/tls/key.pem' version"),
    });
  });
});

describe('the status of an environment on several hosts', () => {
  const node = (id: string, host: string, state: string) => ({
    ...{ id, host, state, address: '10.0.0.1:6379' },
    ...{ server: null, pid: null, log: null },
  });
  const view: EnvironmentView = {
    ...{ environment: 'spread', substrate: 'docker', running: true, healthy: false, missing: 'a node' },
    ...{ differences: [], master: 'redis-2', watchdog: null, rotation: null, deviations: [], access: {} },
    nodes: [
      node('redis-1', 'a', 'unreachable'),
      node('redis-2', 'b', 'running'),
      node('sentinel-1', 'a', 'unreachable'),
    ],
  };

  it('shows the host of each node, and names each unreachable host once', () => {
    const lines = environmentText(view).split('\n');
    expect(lines).toContainEqual(expect.stringMatching(/^redis-2 .*\(b\) +running, master$/));
    expect(lines.filter((line) => line.startsWith('host '))).toEqual([
      'host a is unreachable: the state of redis-1, sentinel-1 is unknown',
    ]);
  });
});

describe('the plan of a cluster on several hosts', () => {
  const cluster = environmentSchema.parse({
    ...clusterConfiguration('shardspread', 28_100),
    hosts: ['a', 'b', 'c'].map((name, i) => ({
      ...{ name, engine: `ssh://kit@10.0.0.${i + 11}`, address: `10.0.0.${i + 11}` },
    })),
  });
  const { nodes } = planDocker(planTopology(cluster));

  it('publishes the cluster bus of each node, which the nodes on other hosts connect to', () => {
    expect(nodes.map((node) => bindingsOf(node).map(({ outside }) => outside))).toEqual(
      nodes.map(({ address: { host, port } }) => [
        { host, port },
        { host, port: port + cluster.cluster.busPort - cluster.redis.port },
      ]),
    );
    const [first] = planDocker(planTopology(clusterConfiguration('shardspread', 28_100))).nodes;
    expect(first && bindingsOf(first)).toHaveLength(1);
  });

  it('announces the address of the host and the published ports to clients and to the other nodes', async () => {
    const app = new App({ outdir: join(state.path, 'out') });
    const options = { stateDir: state.path, allowDestroy: undefined, ordered: false };
    await addEnvironment(app, cluster, options);
    const files = join(state.path, 'docker', 'shardspread', 'files', 'kit-shardspread-redis-2-conf');
    const conf = readFileSync(join(files, 'redis.conf'), 'utf8');
    for (const line of [
      ...['port 28101', 'cluster-port 38101', 'cluster-announce-ip 10.0.0.12'],
      ...['cluster-announce-port 28101', 'cluster-announce-bus-port 38101'],
    ]) {
      expect(conf.split('\n')).toContain(line);
    }
    const known = readFileSync(join(files, 'nodes.conf'), 'utf8').split('\n');
    expect(known.filter((line) => line.includes('10.0.0.12:28101@38101'))).toHaveLength(1);
    expect(known.filter((line) => line.includes('10.0.0.13:28104@38104'))).toHaveLength(1);
  });
});

describe('the status of a cluster on several hosts', () => {
  const hosts = ['a', 'b', 'c', 'b', 'c', 'a'];
  const viewOf = (masters: readonly string[]): EnvironmentView => ({
    ...{ environment: 'spread', substrate: 'docker', running: true, healthy: true, missing: null },
    ...{ differences: [], master: null, watchdog: null, rotation: null, deviations: [], access: {} },
    nodes: hosts.map((host, i) => ({
      ...{ id: `redis-${i + 1}`, host, state: 'running', address: `10.0.0.1:${i}` },
      ...{ server: null, pid: null, log: null },
    })),
    shards: masters.map((master, i) => ({
      master,
      slots: [[i, i]],
      replicas: [`redis-${i + 1}`, `redis-${i + 4}`].filter((id) => id !== master),
    })),
  });
  const warnings = (masters: readonly string[]) =>
    environmentText(viewOf(masters))
      .split('\n')
      .filter((line) => line.startsWith('host '));

  it('has no warning while each host has one of three masters', () => {
    expect(warnings(['redis-1', 'redis-2', 'redis-3'])).toEqual([]);
  });

  it.each([
    ['redis-5', 'c', ['redis-1', 'redis-5', 'redis-3'], 'redis-5, redis-3'],
    // A switchover of redis-1 would only move the second master from host a to host b.
    ['redis-6', 'a', ['redis-1', 'redis-2', 'redis-6'], 'redis-1, redis-6'],
  ])('names the switchover of %s that leaves host %s with one master', (shard, host, masters, here) => {
    expect(warnings(masters)).toEqual([
      `host ${host} has 2 of 3 masters (${here}), and its loss would leave no majority: run kit switchover --shard ${shard} when the cluster is healthy`,
    ]);
  });
});
