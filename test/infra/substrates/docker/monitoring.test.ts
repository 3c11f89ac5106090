/** Prometheus, Alertmanager and the certificate probe in the plan and in the synthesised stack. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Testing } from 'cdktf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { environmentNames, loadEnvironment } from '../../../../config/load.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../../config/schema.ts';
import { renderAlertmanager } from '../../../../infra/observability/prometheus-conf.ts';
import { renderRules } from '../../../../infra/observability/rules.ts';
import { accessOf } from '../../../../infra/substrates/docker/access.ts';
import { imageRolesOn, planDocker, servicesOf } from '../../../../infra/substrates/docker/plan.ts';
import { dataVolumesOn } from '../../../../infra/substrates/docker/plan-volumes.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

type Resource = Readonly<Record<string, unknown>> & { readonly name: string };
interface Synthesised {
  readonly resource: Readonly<Record<string, Readonly<Record<string, Resource>>>>;
  readonly output: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Wanted {
  readonly tls?: boolean;
  readonly observability?: object;
  readonly ports?: object;
  readonly hosts?: readonly object[];
}

function monitored({ tls = false, observability = {}, ports = {}, hosts }: Wanted = {}): EnvironmentConfig {
  const base = configuration('watched', { security: { tls } });
  return environmentSchema.parse({
    ...base,
    observability: { ...base.observability, prometheus: true, ...observability },
    docker: { ports: { ...base.docker.ports, ...ports } },
    hosts,
  });
}

async function synthesise(config: EnvironmentConfig): Promise<Synthesised> {
  const app = new App({ outdir: join(state.path, 'out') });
  const options = { stateDir: state.path, allowDestroy: undefined, ordered: false };
  return JSON.parse(Testing.synth(await addEnvironment(app, config, options)));
}

const resources = ({ resource }: Synthesised, type: string) => Object.values(resource[type] ?? {});
const containerIn = (stack: Synthesised, id: string) =>
  resources(stack, 'docker_container').find(({ name }) => name === `kit-watched-${id}`);
function configSha256(stack: Synthesised, id: string): string | undefined {
  const labels = (containerIn(stack, id)?.labels ?? []) as readonly { label: string; value: string }[];
  return labels.find(({ label }) => label === 'redis-cache-kit.config-sha256')?.value;
}
const fileOf = (volume: string, path: string) =>
  readFileSync(join(state.path, 'docker', 'watched', 'files', `kit-watched-${volume}-conf`, path), 'utf8');

const MONITORING = ['prometheus', 'alertmanager', 'certificate-probe'];

describe('the stack of an environment with observability.prometheus and TLS', () => {
  const config = monitored({ tls: true, observability: { retentionDays: 7 } });
  const plan = planDocker(planTopology(config));
  const address = (id: string) => {
    const found = plan.nodes.find((node) => node.id === id)?.address;
    return `${found?.host}:${found?.port}`;
  };
  let stack: Synthesised;

  beforeAll(async () => {
    stack = await synthesise(config);
  });

  it.each(MONITORING)('has %s, hardened like every other service', (id) => {
    expect(containerIn(stack, id)).toMatchObject({
      user: '999:999',
      read_only: true,
      capabilities: { drop: ['ALL'] },
      security_opts: ['no-new-privileges'],
      memory_swap: containerIn(stack, id)?.memory,
      restart: 'unless-stopped',
      log_opts: { 'max-size': '10m', 'max-file': '3' },
      healthcheck: { test: ['CMD', ...(servicesOf(plan).find((it) => it.id === id)?.health ?? [])] },
    });
    const mounts = containerIn(stack, id)?.volumes as readonly { container_path: string }[];
    expect(mounts.filter(({ container_path: path }) => path === '/kit')).toEqual([
      expect.objectContaining({ read_only: true }),
    ]);
  });

  it('publishes Prometheus and Alertmanager on the loopback address, and not the probe', () => {
    const portsOf = (id: string) => containerIn(stack, id)?.ports;
    expect(portsOf('prometheus')).toEqual([{ internal: 9090, external: 9090, ip: '127.0.0.1' }]);
    expect(portsOf('alertmanager')).toEqual([{ internal: 9093, external: 9093, ip: '127.0.0.1' }]);
    expect(portsOf('certificate-probe')).toBeUndefined();
    expect(containerIn(stack, 'certificate-probe')?.networks_advanced).toHaveLength(1);
  });

  it('limits the processes of every service', () => {
    const limits = resources(stack, 'terraform_data').map(({ provisioner }) => JSON.stringify(provisioner));
    const limit = limits.find((text) => text?.includes('--pids-limit'));
    for (const { container } of servicesOf(plan)) expect(limit).toContain(container);
  });

  it.each(['prometheus', 'alertmanager'])('stores the data of %s in a volume of its user', (id) => {
    const volume = Object.entries(stack.resource.docker_volume ?? {}).find(
      ([, { name }]) => name === `kit-watched-${id}-data`,
    );
    const source = `\${docker_volume.${volume?.[0]}.name}`;
    expect(containerIn(stack, id)?.volumes).toContainEqual({
      volume_name: source,
      container_path: `/${id}`,
    });
    const init = containerIn(stack, 'init');
    expect(init?.volumes).toContainEqual({
      volume_name: source,
      container_path: `/stores/kit-watched-${id}-data`,
    });
    expect(String(init?.command)).toMatch(/\nchown 999:999 \/stores\/\*\nchmod 0700 \/stores\/\*$/);
    expect(plan.hosts.flatMap((host) => dataVolumesOn(plan, host))).toContain(`kit-watched-${id}-data`);
  });

  it('keeps metrics for retentionDays, and puts the published address into links', () => {
    expect(containerIn(stack, 'prometheus')?.command).toEqual(
      expect.arrayContaining([
        '--storage.tsdb.retention.time=7d',
        '--web.external-url=http://127.0.0.1:9090/',
      ]),
    );
  });

  it('has the addresses in its outputs and in `kit status`', () => {
    expect(stack.output).toMatchObject({
      prometheus_url: { value: 'http://127.0.0.1:9090' },
      alertmanager_url: { value: 'http://127.0.0.1:9093' },
    });
    expect(accessOf(plan, state.path)).toMatchObject({
      prometheus: 'http://127.0.0.1:9090',
      alertmanager: 'http://127.0.0.1:9093',
    });
  });

  it('has the same rules and the same Alertmanager configuration as local processes', () => {
    expect(fileOf('prometheus', 'rules.yml')).toBe(renderRules(config));
    expect(fileOf('alertmanager', 'alertmanager.yml')).toBe(renderAlertmanager(config));
  });

  it('scrapes every node through the exporter, over TLS, and sends alerts to Alertmanager', () => {
    const { scrape_configs: jobs, alerting } = parse(fileOf('prometheus', 'prometheus.yml'));
    const targetsOf = (name: string) =>
      jobs
        .find(({ job_name: job }: { job_name: string }) => job === name)
        .static_configs.flatMap(({ targets }: { targets: string[] }) => targets);
    expect(targetsOf('redis')).toEqual(
      ['redis-1', 'redis-2', 'redis-3'].map((id) => `rediss://${address(id)}`),
    );
    expect(targetsOf('sentinel')).toEqual(
      ['sentinel-1', 'sentinel-2', 'sentinel-3'].map((id) => `rediss://${address(id)}`),
    );
    expect(targetsOf('exporter')).toEqual(['kit-watched-exporter:9121']);
    expect(targetsOf('certificates')).toEqual(['kit-watched-certificate-probe:9122']);
    expect(alerting.alertmanagers[0].static_configs[0].targets).toEqual(['kit-watched-alertmanager:9093']);
  });

  it('has a certificate probe that reads the certificate of every node', () => {
    expect(JSON.parse(fileOf('certificate-probe', 'probe.json'))).toEqual({
      listen: { host: '0.0.0.0', port: 9122 },
      nodes: plan.nodes.map(({ id, address: { host, port } }) => ({ id, host, port })),
    });
  });

  it('replaces Prometheus, and no node, if a limit of an alert changes', async () => {
    const other = await synthesise(monitored({ tls: true, observability: { limits: { memoryRatio: 0.5 } } }));
    const changed = servicesOf(plan).filter(({ id }) => configSha256(stack, id) !== configSha256(other, id));
    expect(changed.map(({ id }) => id)).toEqual(['prometheus']);
  });
});

it('Prometheus and Alertmanager are published on the ports in docker.ports', async () => {
  const ports = { prometheus: 27_322, alertmanager: 27_323 };
  const { output } = await synthesise(monitored({ ports }));
  expect(output).toMatchObject({
    prometheus_url: { value: 'http://127.0.0.1:27322' },
    alertmanager_url: { value: 'http://127.0.0.1:27323' },
  });
});

it('an environment without TLS has no certificate probe', async () => {
  const stack = await synthesise(monitored());
  expect(containerIn(stack, 'prometheus')).toBeDefined();
  expect(containerIn(stack, 'certificate-probe')).toBeUndefined();
  expect(fileOf('prometheus', 'prometheus.yml')).not.toContain('certificates');
});

it('Prometheus, Alertmanager and the probe run on the first of several hosts, next to the exporter', async () => {
  const hosts = ['a', 'b', 'c'].map((name, i) => ({
    ...{ name, engine: `ssh://kit@10.0.0.1${i}`, address: `10.0.0.1${i}` },
  }));
  const config = monitored({ tls: true, hosts });
  const plan = planDocker(planTopology(config));
  const stack = await synthesise(config);
  for (const id of MONITORING) expect(containerIn(stack, id)).toMatchObject({ provider: 'docker.a' });
  const volumes = resources(stack, 'docker_volume').filter(({ name }) => /-(?:prom|alert)\w+-/.test(name));
  expect(volumes.map(({ provider }) => provider)).toEqual(Array(4).fill('docker.a'));
  expect(plan.hosts.map((host) => imageRolesOn(plan, host).includes('prometheus'))).toEqual([
    ...[true, false, false],
  ]);
  expect(fileOf('prometheus', 'prometheus.yml')).toContain('rediss://10.0.0.11:27301');
  expect(accessOf(plan, state.path)).toHaveProperty('prometheus on host a');
});

it('without observability.prometheus, nothing of it is in the stack', async () => {
  for (const name of environmentNames()) {
    const config = loadEnvironment(name);
    expect(config.observability.prometheus).toBe(false);
    const { resource, output } = await synthesise(config);
    const { terraform_data: data = {}, ...rest } = resource;
    // The stored configuration contains the setting itself.
    const others = Object.entries(data).filter(([id]) => !id.startsWith('applied_'));
    const text = JSON.stringify([rest, others, output]);
    expect(text).not.toMatch(/prometheus|alertmanager|certificate-probe|\/stores/);
    expect(JSON.stringify(data)).not.toMatch(/"(?:prometheus|alertmanager)\\":9/);
  }
});
