import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Testing } from 'cdktf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentSchema } from '../../../../config/schema.ts';
import { engineTrouble } from '../../../../infra/substrates/docker/engine.ts';
import { dockerCommand, engineArgs } from '../../../../infra/substrates/docker/engines.ts';
import { planDocker } from '../../../../infra/substrates/docker/plan.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { type EnvironmentView, environmentText } from '../../../../scripts/environment-view.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

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
      { alias: 'a', host: 'ssh://kit@10.0.0.11' },
      {
        alias: 'b',
        host: 'tcp://10.0.0.12:2376',
        ca_material: `\${file("${tls.ca}")}`,
        cert_material: `\${file("${tls.cert}")}`,
        key_material: `\${file("${tls.key}")}`,
      },
      { alias: 'c', host: 'unix:///run/docker.sock' },
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

  it('names the host in the error for an engine that does not reply', () => {
    const engine = { host: 'b', url: 'ssh://kit@10.0.0.12' };
    const stderr =
      'error during connect: Get "http://docker.example.com/_ping": command [ssh] exited with 255';
    expect(engineTrouble(stderr, engine)).toMatchObject({
      code: 'DOCKER_NO_ENGINE',
      message: "the Docker engine of host 'b' is not reachable",
      where: 'ssh://kit@10.0.0.12',
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
