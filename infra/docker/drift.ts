/**
 * What differs between the environment as deployed and as it runs, read from the engine and not from Terraform: a plan sees
 * neither a paused container nor a lost network, and reads neither labels, variables nor health checks back.
 *
 * plan + hashes ─▶ expectations ─┐
 * docker inspect, ls, diff ──────┴▶ findings, each with what the next apply would do. Looking changes nothing.
 */

import { type ContainerFacts, docker, inspectContainers, labelled, tryDocker } from './engine.ts';
import { renderHashes } from './files.ts';
import { chooseImages } from './images.ts';
import { type DockerPlan, LABEL, type PlannedContainer, RUN_AS, servicesOf, volumesOf } from './plan.ts';

export type NextApply =
  /** It mends it by itself. */
  | 'creates it'
  | 'replaces it'
  | 'updates it in place'
  /** Terraform does not see it: the remedy does. */
  | 'leaves it as it is';

export interface DriftFinding {
  /** Container, network or volume. */
  readonly what: string;
  /** Stable: `stopped`, `paused`, `disconnected`, `image`, … */
  readonly kind: string;
  readonly found: string;
  readonly expected: string;
  readonly nextApply: NextApply;
  /** Where the next apply leaves it: what to do. */
  readonly remedy: string;
}

/** Every difference of an environment from what its plan says. */
export async function findDrift(plan: DockerPlan, stateDir: string): Promise<readonly DriftFinding[]> {
  const label = `${LABEL.environment}=${plan.environment.name}`;
  const services = servicesOf(plan);
  const { hashes, sums } = await renderHashes(plan, chooseImages(stateDir).facts, stateDir);
  const [found, labels, images, networks, volumes, containers, files] = await Promise.all([
    inspectContainers(services.map(({ container }) => container)),
    labelled('container', label),
    expectedImages(stateDir),
    existing('network', [plan.networks.data.name, plan.networks.publish.name]),
    existing('volume', volumesOf(plan)),
    named(plan),
    configurationFiles(plan, sums),
  ]);
  const perContainer = services.flatMap((service) => {
    const facts = found.get(service.container);
    if (facts === undefined) return [missing('container', service.container)];
    const expectation = {
      service,
      plan,
      image: images[service.id] ?? images.redis,
      hash: hashes.get(service.configVolume),
    };
    return compare(facts, expectation);
  });
  const known = new Set([
    ...services.map(({ container }) => container),
    plan.init.container,
    plan.ready.container,
  ]);
  const surplus = [...new Set([...labels, ...containers])].filter((name) => !known.has(name));
  return [
    ...networks.map((name) => missing('network', name)),
    ...volumes.map((name) => missing('volume', name)),
    ...perContainer,
    ...surplus.map(tooMany),
    ...files,
  ];
}

interface Expectation {
  readonly service: PlannedContainer;
  readonly plan: DockerPlan;
  /** The id that the tag has now; undefined where the image is gone. */
  readonly image: string | undefined;
  readonly hash: string | undefined;
}

/** Pure: one container against what it should be. */
export function compare(
  facts: ContainerFacts,
  { service, plan, image, hash }: Expectation,
): readonly DriftFinding[] {
  const findings: DriftFinding[] = [];
  const differ = (kind: string, found: string, expected: string, nextApply: NextApply, remedy = '') => {
    if (found !== expected)
      findings.push({ what: service.container, kind, found, expected, nextApply, remedy });
  };
  const { State, Config, HostConfig, NetworkSettings } = facts;
  const name = service.container;
  const replace = `terraform apply -replace, or: docker rm -f ${name}, then deploy`;
  if (State.Status === 'paused')
    differ('paused', 'paused', 'running', 'leaves it as it is', `docker unpause ${name}`);
  else differ('stopped', State.Status, 'running', 'replaces it');
  if (State.Status === 'running' && State.Health?.Status === 'unhealthy') {
    differ('unhealthy', 'unhealthy', 'healthy', 'leaves it as it is', `docker logs ${name}`);
  }
  const joined = NetworkSettings.Networks;
  const address = joined[plan.networks.data.name]?.IPAddress;
  differ(
    'disconnected',
    address === undefined ? 'not in the data network' : address || service.address.host,
    service.address.host,
    'leaves it as it is',
    `docker network connect --ip ${service.address.host} ${plan.networks.data.name} ${name}`,
  );
  differ(
    'disconnected',
    joined[plan.networks.publish.name] === undefined ? 'not in the publishing network' : 'connected',
    'connected',
    'leaves it as it is',
    `docker network connect ${plan.networks.publish.name} ${name}`,
  );
  if (image !== undefined) differ('image', facts.Image, image, 'replaces it');
  differ('configuration', Config.Labels?.[LABEL.config] ?? 'none', hash ?? 'none', 'replaces it');
  differ('label', Config.Labels?.[LABEL.node] ?? 'none', service.id, 'leaves it as it is', replace);
  const megabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`;
  differ(
    'memory',
    megabytes(HostConfig.Memory),
    megabytes(service.memoryMb * 1024 ** 2),
    'updates it in place',
  );
  differ(
    'port',
    portsOf(facts),
    `127.0.0.1:${service.published.port}->${service.address.port}`,
    'replaces it',
  );
  differ('user', Config.User, RUN_AS, 'replaces it');
  differ('read-only', String(HostConfig.ReadonlyRootfs), 'true', 'replaces it');
  differ('restart', HostConfig.RestartPolicy.Name, 'unless-stopped', 'updates it in place');
  differ(
    'health-check',
    healthOf(facts),
    ['CMD', ...service.health].join(' '),
    'leaves it as it is',
    replace,
  );
  const variables = [...service.env].sort().join(' ');
  differ('environment', ownVariables(facts, service.env), variables, 'leaves it as it is', replace);
  return findings;
}

function portsOf({ HostConfig }: ContainerFacts): string {
  return Object.entries(HostConfig.PortBindings ?? {})
    .flatMap(([inner, outer]) =>
      (outer ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}->${inner.replace('/tcp', '')}`),
    )
    .sort()
    .join(' ');
}

function healthOf({ Config }: ContainerFacts): string {
  const check = Config.Healthcheck;
  return check === undefined ? 'none' : [...(check.Test ?? [])].join(' ');
}

/** Variables that an image brings by itself are its own business: the image is compared by its id. */
const BROUGHT =
  /^(PATH|HOME|HOSTNAME|NODE_VERSION|YARN_VERSION|REDIS_VERSION|REDIS_DOWNLOAD_\w+|GOSU_VERSION)=/;

function ownVariables({ Config }: ContainerFacts, wanted: readonly string[]): string {
  const own = (Config.Env ?? []).filter((variable) => !BROUGHT.test(variable) || wanted.includes(variable));
  return own.sort().join(' ');
}

async function expectedImages(stateDir: string): Promise<Readonly<Record<string, string | undefined>>> {
  const { redis, exporter, commander } = chooseImages(stateDir);
  const entries = Object.entries({ redis, exporter, commander }).map(async ([role, choice]) => {
    const name = choice.kind === 'published' ? choice.reference : choice.tag;
    return [
      role,
      await docker(['image', 'inspect', '--format', '{{.Id}}', name]).catch(() => undefined),
    ] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Those of the names that the engine does not have. */
async function existing(kind: 'network' | 'volume', names: readonly string[]): Promise<readonly string[]> {
  const text = await docker([kind, 'ls', '--format', '{{.Name}}']);
  const have = new Set(text.split('\n'));
  return names.filter((name) => !have.has(name));
}

/** Containers that carry the environment's name, labelled or not. */
async function named(plan: DockerPlan): Promise<readonly string[]> {
  const prefix = plan.init.container.slice(0, -'init'.length);
  const text = await docker([
    'container',
    'ls',
    '--all',
    '--filter',
    `name=^/${prefix}`,
    '--format',
    '{{.Names}}',
  ]);
  return text === '' ? [] : text.split('\n');
}

/** Configuration in a volume that is no longer what was rendered: changed by hand, or never filled again. */
async function configurationFiles(
  plan: DockerPlan,
  sums: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<readonly DriftFinding[]> {
  const script = 'cd /kit && find . -type f | sort | xargs sha256sum';
  const probes = servicesOf(plan).map(async ({ container, configVolume }): Promise<DriftFinding[]> => {
    // One that does not run is a finding already, and cannot be asked.
    const record = await tryDocker(['exec', container, 'sh', '-c', script]);
    if (record.exitCode !== 0) return [];
    const found = new Map(
      [...record.stdout.matchAll(/^([0-9a-f]{64}) {2}\.\/(.+)$/gm)].map((match) => [match[2], match[1]]),
    );
    const wanted = sums.get(configVolume) ?? new Map();
    return [...wanted]
      .filter(([path, sum]) => found.get(path) !== sum)
      .map(([path]) => ({
        what: configVolume,
        kind: 'configuration-file',
        found: found.has(path) ? `${path} has another content` : `${path} is missing`,
        expected: 'as rendered',
        nextApply: 'leaves it as it is',
        remedy: `docker rm -f ${plan.init.container}, then deploy: it fills the volumes again`,
      }));
  });
  return (await Promise.all(probes)).flat();
}

const missing = (kind: string, name: string): DriftFinding => ({
  what: name,
  kind: `${kind}-missing`,
  found: 'missing',
  expected: `a ${kind}`,
  nextApply: 'creates it',
  remedy: '',
});

const tooMany = (name: string): DriftFinding => ({
  what: name,
  kind: 'container-too-many',
  found: 'a container that the plan does not have',
  expected: 'none',
  nextApply: 'leaves it as it is',
  remedy: `docker rm -f ${name}`,
});
