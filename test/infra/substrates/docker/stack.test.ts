import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { App, Testing } from 'cdktf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentNames, loadEnvironment } from '../../../../config/load.ts';
import { environmentSchema } from '../../../../config/schema.ts';
import { ownerOf } from '../../../../infra/substrates/docker/checkout-id.ts';
import { dockerSecrets } from '../../../../infra/substrates/docker/generated-values.ts';
import { addEnvironment } from '../../../../infra/substrates/docker/synthesis.ts';
import { temporaryStateDir } from '../local/fixtures.ts';
import { configuration } from './fixtures.ts';

const state = temporaryStateDir();
afterAll(() => state[Symbol.dispose]());

interface Synthesised {
  readonly resource: Readonly<Record<string, Readonly<Record<string, Resource>>>>;
  readonly output: Readonly<Record<string, { readonly value: unknown }>>;
  readonly terraform: { readonly required_providers: { readonly docker: { readonly version: string } } };
}
type Resource = Readonly<Record<string, unknown>> & { readonly name: string };

async function synthesise(
  config = configuration('synth'),
  allowDestroy?: string,
  ordered = false,
): Promise<string> {
  const app = new App({ outdir: join(state.path, 'out') });
  const stack = await addEnvironment(app, config, { stateDir: state.path, allowDestroy, ordered });
  return Testing.synth(stack);
}

describe('the synthesised environment', () => {
  let text: string;
  let containers: readonly Resource[];

  beforeAll(async () => {
    text = await synthesise();
    const parsed: Synthesised = JSON.parse(text);
    containers = Object.values(parsed.resource.docker_container ?? {});
  });

  const services = () => containers.filter(({ restart }) => restart !== 'no');
  const serviceNames = () => services().map(({ name }) => name);

  it('contains a master, two replicas, three sentinels, the exporter, the Commander and the watchdog', () => {
    expect(serviceNames().sort()).toEqual(
      [
        ...[
          'redis-1',
          'redis-2',
          'redis-3',
          'sentinel-1',
          'sentinel-2',
          'sentinel-3',
          'exporter',
          'commander',
          'watchdog',
        ],
      ]
        .map((id) => `kit-synth-${id}`)
        .sort(),
    );
  });

  it('pins the provider to a version newer than that of the bindings', () => {
    const { terraform }: Synthesised = JSON.parse(text);
    expect(terraform.required_providers.docker.version).toBe('4.5.0');
  });

  it('gives every node a static address in an internal network, and publishes only on the loopback address', () => {
    expect(Testing.toHaveResourceWithProperties(text, 'docker_network', { internal: true })).toBe(true);
    const inside = expect.objectContaining({ ipv4_address: expect.stringMatching(/^10\.\d+\.\d+\.\d+$/) });
    for (const service of services()) {
      if (service.name === 'kit-synth-watchdog') {
        expect(service.networks_advanced).toEqual([inside]);
        expect(service.ports).toBeUndefined();
        continue;
      }
      expect(service.networks_advanced).toEqual([
        inside,
        expect.not.objectContaining({ ipv4_address: expect.anything() }),
      ]);
      expect(service.ports).toEqual([expect.objectContaining({ ip: '127.0.0.1' })]);
    }
  });

  it('hardens every service', () => {
    for (const service of services()) {
      expect(service).toMatchObject({
        user: '999:999',
        read_only: true,
        capabilities: { drop: ['ALL'] },
        security_opts: ['no-new-privileges'],
        memory_swap: service.memory,
        restart: 'unless-stopped',
        log_opts: { 'max-size': '10m', 'max-file': '3' },
        healthcheck: { test: expect.arrayContaining(['CMD']) },
        destroy_grace_seconds: expect.any(Number),
      });
    }
  });

  it('limits the processes of every service, even after replacement', () => {
    const { resource }: Synthesised = JSON.parse(text);
    const [limit] = Object.entries(resource.terraform_data ?? {})
      .filter(([id]) => id.startsWith('process-limit'))
      .map(([, each]) => each) as [Resource];
    const [provisioner] = limit.provisioner as [{ 'local-exec': { command: string } }];
    const { command } = provisioner['local-exec'];
    expect(command).toMatch(/^docker update --pids-limit 256 /);
    expect(command.split(' ').slice(4).sort()).toEqual(serviceNames().sort());
    const triggers = limit.triggers_replace as { containers: readonly string[] };
    expect(triggers.containers).toHaveLength(services().length);
  });

  it('leaves each Redis node memory beyond maxmemory for a fork and for buffers', () => {
    const maxmemoryMb = configuration('synth').redis.maxmemory / 1024 ** 2;
    const node = containers.find(({ name }) => name === 'kit-synth-redis-1');
    expect(Number(node?.memory)).toBeGreaterThan(1.5 * maxmemoryMb);
  });

  it('mounts into each service only its own configuration, read-only', () => {
    const mounts = services().flatMap(({ volumes }) => volumes as readonly Record<string, unknown>[]);
    const configurations = mounts.filter(({ container_path: path }) => path === '/kit');
    expect(configurations).toHaveLength(9);
    expect(configurations.every(({ read_only: readOnly }) => readOnly === true)).toBe(true);
    expect(new Set(configurations.map(({ volume_name: name }) => name)).size).toBe(9);
  });

  it("passes only the Commander's two variables to containers, and no secrets", () => {
    expect(services().flatMap(({ env }) => env ?? [])).toEqual([
      'NODE_CONFIG_DIR=/redis-commander/config:/kit',
      'NODE_ENV=production',
    ]);
    const { redis, sentinel } = dockerSecrets(state.path, 'synth');
    for (const secret of [...Object.values(redis), ...Object.values(sentinel)]) {
      expect(text).not.toContain(secret.reveal());
    }
  });

  it('contains no path of this machine except the location of the owner in labels', () => {
    const place = JSON.stringify(`${hostname()}:${state.path}`);
    expect(text).toContain(place);
    const rest = text.replaceAll(place, '""');
    expect(rest).not.toContain(state.path);
    expect(rest).not.toContain(process.cwd());
    expect(rest).not.toMatch(/"(?:[^"]*\s)?\/(?:root|home|tmp|work|Users)\//);
  });

  it('labels every container, network and volume with the owner, and keeps foreign labels', () => {
    const { resource }: Synthesised = JSON.parse(text);
    const { id } = ownerOf(configuration('synth'), state.path);
    for (const type of ['docker_container', 'docker_network', 'docker_volume']) {
      const parts = Object.values(resource[type] ?? {});
      expect(parts.length).toBeGreaterThan(1);
      for (const { labels, lifecycle } of parts) {
        expect(labels).toContainEqual({ label: 'redis-cache-kit.owner', value: id });
        // Labels of a volume or network from an earlier version or another checkout are kept, because the provider
        // would otherwise replace it.
        if (type !== 'docker_container') expect(lifecycle).toMatchObject({ ignore_changes: ['labels'] });
      }
    }
  });

  it('is the same on every run', async () => {
    expect(await synthesise()).toBe(text);
  });

  it('has outputs for a client and the harness', () => {
    const { output }: Synthesised = JSON.parse(text);
    expect(output).toMatchObject({
      service_name: { value: 'mymaster' },
      mode: { value: 'sentinel' },
      nat_map: { value: expect.any(Object) },
      tls: { value: 'false' },
      exporter_url: { value: 'http://127.0.0.1:27320/metrics' },
      scrape_url: { value: 'http://127.0.0.1:27320/scrape' },
      scrape_targets: { value: expect.objectContaining({ 'sentinel-3': 'redis://sentinel-3:26379' }) },
      commander_user: { value: 'admin' },
      commander_password_file: { value: expect.stringMatching(/docker\/synth\/commander\.password$/) },
    });
    expect(output).not.toHaveProperty('ca_file');
  });

  it('stores the applied configuration in the state as the last step', () => {
    const { resource }: Synthesised = JSON.parse(text);
    const [applied] = Object.entries(resource.terraform_data ?? {})
      .filter(([id]) => id.startsWith('applied_'))
      .map(([, each]) => each) as [Resource];
    const { configuration: kept } = applied.input as { configuration: string };
    expect(environmentSchema.parse(JSON.parse(kept))).toEqual(configuration('synth'));
    expect(applied.depends_on).toEqual([expect.stringMatching(/^docker_container\.readiness_ready_/)]);
  });

  it('removes the password files after all services that use them', () => {
    const { resource }: Synthesised = JSON.parse(text);
    const [[id, files]] = Object.entries(resource.terraform_data ?? {}).filter(([name]) =>
      name.startsWith('secrets_'),
    ) as [[string, Resource]];
    const [provisioner] = files.provisioner as [{ 'local-exec': { command: string; when: string } }];
    expect(provisioner['local-exec'].when).toBe('destroy');
    expect(provisioner['local-exec'].command).toContain('docker/environments/synth');
    for (const type of ['docker_network', 'docker_volume'])
      for (const { depends_on: after } of Object.values(resource[type] ?? {}))
        expect(after).toContain(`terraform_data.${id}`);
  });
});

describe('the two networks', () => {
  interface Joined extends Resource {
    readonly depends_on: readonly string[];
    readonly lifecycle?: { readonly replace_triggered_by?: readonly string[] };
  }
  const parts = (text: string) => {
    const { resource }: Synthesised = JSON.parse(text);
    const gates = Object.entries(resource.terraform_data ?? {}).filter(([id]) => id.startsWith('network_'));
    return {
      networks: Object.keys(resource.docker_network ?? {}).map((id) => `docker_network.${id}`),
      gate: gates[0]?.[1] as Joined,
      services: Object.values(resource.docker_container ?? {}).filter(
        ({ restart }) => restart !== 'no',
      ) as Joined[],
    };
  };
  /** Saves the state of a deploy that may have been interrupted. */
  const remember = (resources: readonly object[]) => {
    const file = join(state.path, 'docker', 'synth', 'terraform.tfstate');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ resources }));
  };

  it('are checked on the engine only before the first deploy', async () => {
    const text = await synthesise();
    const { networks, gate, services } = parts(text);
    expect(networks).toHaveLength(2);
    for (const network of networks) expect(text).not.toContain(`"${network}`);
    expect(gate.depends_on ?? []).toEqual([]);
    expect(JSON.stringify(gate)).toContain('docker network inspect kit-synth-data kit-synth-publish');
    for (const { depends_on: before } of services) {
      expect(before).toContainEqual(expect.stringMatching(/^terraform_data\.network_awaited_/));
    }
  });

  it('precede the containers, and trigger their replacement, if Terraform manages the networks', async () => {
    const fresh = await synthesise();
    remember([{ type: 'docker_network', name: 'network_data', instances: [{ attributes: {} }] }]);
    const { networks, gate, services } = parts(await synthesise());
    expect(gate.depends_on).toEqual(networks);
    for (const { depends_on: before, lifecycle } of services) {
      expect(before).toEqual(expect.arrayContaining(networks));
      expect(lifecycle?.replace_triggered_by).toEqual(networks.map((network) => `${network}.id`));
    }
    // The state after a destroy. With fewer concurrent steps, the step that queries the networks could prevent their
    // creation.
    remember([]);
    expect(await synthesise()).toBe(fresh);
    expect(parts(await synthesise(configuration('synth'), undefined, true)).gate.depends_on).toEqual(
      networks,
    );
  });

  it('precede the containers if a backend stores the state', async () => {
    const { docker, ...rest } = configuration('synth');
    const backend = { type: 'http', settings: { address: 'http://127.0.0.1:1/state' } };
    const { networks, gate } = parts(
      await synthesise(environmentSchema.parse({ ...rest, docker: { ...docker, backend } })),
    );
    expect(gate.depends_on).toEqual(networks);
  });
});

it('every predefined environment can be synthesised', async () => {
  for (const name of environmentNames()) {
    const parsed: Synthesised = JSON.parse(await synthesise(loadEnvironment(name)));
    expect(Object.keys(parsed.resource)).toContain('docker_container');
  }
});

it('no passwords and no files are created for an environment that is only listed', async () => {
  const fresh = temporaryStateDir();
  const settings = { stateDir: fresh.path, allowDestroy: undefined, ordered: false };
  const app = new App({ outdir: join(state.path, 'out') });
  for (const name of ['dev', 'production'])
    await addEnvironment(app, loadEnvironment(name), settings, { isListed: true });
  expect(readdirSync(fresh.path)).toEqual([]);
  await addEnvironment(new App({ outdir: join(state.path, 'out') }), loadEnvironment('dev'), settings);
  expect(readdirSync(join(fresh.path, 'docker', 'environments'))).toEqual(['dev']);
  fresh[Symbol.dispose]();
});

it('for an environment of another checkout, every plan fails, and a destroy keeps the data', async () => {
  const app = new App({ outdir: join(state.path, 'out') });
  const settings = { stateDir: state.path, allowDestroy: undefined, ordered: false };
  const reason = "environment 'synth' belongs to host:/elsewhere";
  const { resource }: Synthesised = JSON.parse(
    Testing.synth(await addEnvironment(app, configuration('synth'), settings, { refusal: reason })),
  );
  const guards = Object.values(resource.terraform_data ?? {}).map(({ lifecycle }) => lifecycle);
  expect(guards).toContainEqual({
    precondition: [{ condition: expect.stringContaining('path.module == ""'), error_message: reason }],
  });
  const data = Object.values(resource.docker_volume ?? {}).filter(({ name }) => name.endsWith('-data'));
  expect(data).toHaveLength(6);
  for (const { lifecycle } of data) expect(lifecycle).toMatchObject({ prevent_destroy: true });
});

it('production has TLS on every link, and its data is protected until the user names the environment', async () => {
  const production = loadEnvironment('production');
  const isProtected = (text: string) =>
    Object.values((JSON.parse(text) as Synthesised).resource.docker_volume ?? {}).some(
      ({ lifecycle }) => (lifecycle as { prevent_destroy?: boolean }).prevent_destroy === true,
    );
  expect(isProtected(await synthesise(production))).toBe(true);
  expect(isProtected(await synthesise(production, 'production'))).toBe(false);
  const files = (path: string) =>
    readFileSync(join(state.path, 'docker', 'production', 'files', path), 'utf8');
  expect(files('kit-production-redis-1-conf/redis.conf')).toMatch(/^tls-replication yes$/m);
  expect(files('kit-production-sentinel-1-conf/sentinel.conf')).toMatch(/^port 0$/m);
  expect(files('kit-production-exporter-conf/exporter.env')).toContain("SCHEME='rediss'");
  // Less than the scrape timeout, because otherwise the entire scrape would fail if a node hung.
  expect(files('kit-production-exporter-conf/exporter.env')).toContain("TIMEOUT='5000ms'");
});
