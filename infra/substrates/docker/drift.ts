/**
 * Finds differences between the deployed and the running environment, read from the engine and not from Terraform: a
 * plan detects neither a paused container nor one that is detached from its network, and does not read labels,
 * variables and health checks.
 *
 * plan + hashes ─▶ expectations ─┐
 * docker inspect, ls, diff ──────┴▶ findings, each with the effect of the next apply. Read-only.
 */

import { RENEW_DAYS, renewalDue } from './certificates.ts';
import { type ContainerFacts, docker, inspectContainers, listLabelled, tryDocker } from './engine.ts';
import { chooseImages, type ImageSet, imageName } from './images.ts';
import { foreignError, readOwnership } from './ownership.ts';
import {
  type DockerPlan,
  LABEL,
  PIDS_LIMIT,
  type PlannedContainer,
  RUN_AS,
  servicesOf,
  volumesOf,
} from './plan.ts';
import { renderHashes } from './rendering.ts';
import { otherVersions } from './server-versions.ts';
import { idsIn, readState, type State, stateAttributes } from './state.ts';

export type NextApply =
  /** The next apply repairs the difference. */
  | 'creates it'
  | 'replaces it'
  | 'rewrites it'
  | 'updates it in place'
  /** Terraform does not detect the difference; `remedy` repairs it. */
  | 'does not change it'
  /** Another container has the name: Terraform does not find its own and cannot create it. */
  | 'fails: the name is in use';

export interface DriftFinding {
  /** Name of the container, network or volume. */
  readonly what: string;
  /** Stable id of the kind of difference: `stopped`, `paused`, `disconnected`, `image`, … */
  readonly kind: string;
  readonly found: string;
  readonly expected: string;
  readonly nextApply: NextApply;
  /** Remedy for a difference that the next apply does not repair. */
  readonly remedy: string;
}

/**
 * Returns every difference of an environment from its plan.
 *
 * @throws KitError `ENVIRONMENT_FOREIGN`: another checkout deployed it, with passwords that are unknown here
 */
export async function findDrift(plan: DockerPlan, stateDir: string): Promise<readonly DriftFinding[]> {
  const label = `${LABEL.environment}=${plan.environment.name}`;
  const state = await readState(plan.environment, { stateDir });
  const owned = idsIn(state);
  const ownership = await readOwnership(plan.environment, stateDir, async () => owned);
  if (ownership.foreign.length > 0) throw foreignError(plan.environment, ownership, { stateDir });
  const services = servicesOf(plan);
  const chosen = chooseImages(stateDir, plan.environment);
  const { hashes, sums, archiveSha256 } = renderHashes(plan, chosen.facts, stateDir);
  const [found, labels, images, networks, volumes, containers, files] = await Promise.all([
    inspectContainers([...services, plan.init, plan.ready].map(({ container }) => container)),
    listLabelled('container', label),
    expectedImages(chosen),
    missingNames('network', [plan.networks.data.name, plan.networks.publish.name]),
    missingNames('volume', volumesOf(plan)),
    containersWithPrefix(plan),
    configurationFiles(plan, sums),
  ]);
  const isRefilled = deployedArchive(state) !== archiveSha256;
  const perContainer = services.flatMap((service) => {
    const facts = found.get(service.container);
    if (facts === undefined) return [missingResource('container', service.container)];
    const expectation = {
      service,
      plan,
      image: images[service.id] ?? images.redis,
      hash: hashes.get(service.configVolume),
      // Without a deploy the state has no ids: no container counts as foreign then.
      deployed: owned.size === 0 || owned.has(facts.Id),
      lostNetworks: networks,
    };
    return compareContainer(facts, expectation);
  });
  const versions = await otherVersions(plan, found, chosen);
  const shortLived = [plan.init.container, plan.ready.container].filter((name) => !found.has(name));
  const known = new Set([
    ...services.map(({ container }) => container),
    plan.init.container,
    plan.ready.container,
  ]);
  const surplus = [...new Set([...labels, ...containers])].filter((name) => !known.has(name));
  return [
    ...networks.map((name) => missingResource('network', name)),
    ...volumes.map((name) => missingResource('volume', name)),
    ...perContainer,
    ...versions.map(otherVersion),
    ...shortLived.map((name) => missingResource('container', name)),
    ...surplus.map(tooMany),
    ...files.map((finding) => (isRefilled ? { ...finding, ...REFILLED } : finding)),
    ...(isRefilled && found.has(plan.init.container) ? [otherArchive(plan)] : []),
    ...certificateRow(plan, stateDir),
  ];
}

/** Returns the hash of the files with which the configuration volumes were filled; undefined if nothing is deployed. */
function deployedArchive(state: State): string | undefined {
  const upload = stateAttributes(state, 'docker_container', 'configuration_init')?.upload as
    | readonly { readonly source_hash?: string }[]
    | undefined;
  return upload?.[0]?.source_hash;
}

/**
 * Effect of a changed setting or password: the next deploy rewrites every configuration volume, including manual
 * changes.
 */
const REFILLED = { nextApply: 'rewrites it', remedy: '' } as const;

const otherArchive = ({ init }: DockerPlan): DriftFinding => ({
  what: init.container,
  kind: 'configuration',
  found: 'wrote the files of the last deploy to the volumes',
  expected: 'with the current configuration and passwords',
  nextApply: 'replaces it',
  remedy: '',
});

interface Expectation {
  readonly service: PlannedContainer;
  readonly plan: DockerPlan;
  /** Current image id of the tag; undefined if the image is missing. */
  readonly image: string | undefined;
  readonly hash: string | undefined;
  /** Whether Terraform created this container. */
  readonly deployed: boolean;
  readonly lostNetworks: readonly string[];
}

type Row = readonly [kind: string, found: string, expected: string, nextApply: NextApply, remedy?: string];

/** Compares one container with its expectation. Pure. */
export function compareContainer(facts: ContainerFacts, expectation: Expectation): readonly DriftFinding[] {
  const { container } = expectation.service;
  const rows: readonly Row[] = [
    [
      'made-by-hand',
      expectation.deployed ? 'deployed' : 'another container of this name',
      'deployed',
      'replaces it',
    ],
    ...stateRows(facts, expectation),
    ...networkRows(facts, expectation),
    ...settingRows(facts, expectation),
  ];
  const different = rows.filter(([, found, expected]) => found !== expected);
  const isReplaced = different.some(([, , , nextApply]) => nextApply === 'replaces it');
  return different
    .map((row) => (isReplaced && endsWithContainer(row) ? replacedRow(row) : row))
    .map(([kind, found, expected, nextApply, remedy = '']) => ({
      ...{ what: container, kind, found, expected },
      ...(expectation.deployed
        ? { nextApply, remedy }
        : { nextApply: 'fails: the name is in use', remedy: `docker rm -f ${container}, then deploy` }),
    }));
}

/**
 * Whether replacing the container also removes the difference, even one that Terraform does not detect or would only
 * update.
 */
const endsWithContainer = ([, , , nextApply]: Row): boolean =>
  nextApply === 'does not change it' || nextApply === 'updates it in place';

const replacedRow = ([kind, found, expected]: Row): Row => [kind, found, expected, 'replaces it'];

function stateRows({ State }: ContainerFacts, { service: { container } }: Expectation): readonly Row[] {
  if (State.Status === 'paused') {
    return [['paused', 'paused', 'running', 'does not change it', `docker unpause ${container}`]];
  }
  const sick = State.Status === 'running' && State.Health?.Status === 'unhealthy';
  return [
    ['stopped', State.Status, 'running', 'replaces it'],
    ['unhealthy', sick ? 'unhealthy' : 'not', 'not', 'does not change it', `docker logs ${container}`],
  ];
}

function networkRows(
  { NetworkSettings }: ContainerFacts,
  { service, plan, lostNetworks }: Expectation,
): readonly Row[] {
  const { data, publish } = plan.networks;
  const { container, address } = service;
  const joined = NetworkSettings.Networks;
  const connect = `docker network connect --ip ${address.host} ${data.name} ${container}`;
  // A stopped container has no address; its configured address is compared elsewhere.
  const held =
    joined[data.name] === undefined
      ? 'not in the data network'
      : joined[data.name]?.IPAddress || address.host;
  const placed = (isIn: boolean) => (isIn ? 'in it' : 'not in the publishing network');
  const published = placed(joined[publish.name] !== undefined);
  // The next apply creates a lost network again, without its containers.
  const remedy = (network: string, connect: string) =>
    lostNetworks.includes(network) ? `deploy, then ${connect}` : connect;
  const leaves = 'does not change it';
  const join = `docker network connect ${publish.name} ${container}`;
  return [
    ['disconnected', held, address.host, leaves, remedy(data.name, connect)],
    ['disconnected', published, placed(service.published !== undefined), leaves, remedy(publish.name, join)],
  ];
}

function settingRows(facts: ContainerFacts, { service, image, hash }: Expectation): readonly Row[] {
  const { Config, HostConfig } = facts;
  const pids = String(HostConfig.PidsLimit ?? 'none');
  const limitProcesses = `docker update --pids-limit ${PIDS_LIMIT} ${service.container}`;
  const megabytes = `${Math.round(HostConfig.Memory / 1024 ** 2)} MB`;
  const { published } = service;
  const port = published === undefined ? '' : `${published.host}:${published.port}->${service.address.port}`;
  return [
    ['image', facts.Image, image ?? facts.Image, 'replaces it'],
    ['memory', megabytes, `${service.memoryMb} MB`, 'updates it in place'],
    ['restart', HostConfig.RestartPolicy.Name, 'unless-stopped', 'updates it in place'],
    // Set through the engine after a replacement; Terraform never reads it.
    ['process-limit', pids, String(PIDS_LIMIT), 'does not change it', limitProcesses],
    ['port', portsOf(facts), port, 'replaces it'],
    ['user', Config.User, RUN_AS, 'replaces it'],
    ['read-only', String(HostConfig.ReadonlyRootfs), 'true', 'replaces it'],
    ['configuration', Config.Labels?.[LABEL.config] ?? 'none', hash ?? 'none', 'replaces it'],
    // These fields of the deployed container differ only if the plan differs: they cannot be changed in place.
    ['label', Config.Labels?.[LABEL.node] ?? 'none', service.id, 'replaces it'],
    ['environment', ownVariables(facts, service.env), [...service.env].sort().join(' '), 'replaces it'],
    // The provider neither updates a health check nor replaces its container.
    [
      'health-check',
      healthOf(facts),
      ['CMD', ...service.health].join(' '),
      'does not change it',
      `docker rm -f ${service.container}, then deploy`,
    ],
  ];
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

/** Variables that an image defines. They are ignored, because the image is compared by its id. */
const BROUGHT =
  /^(PATH|HOME|HOSTNAME|NODE_VERSION|YARN_VERSION|REDIS_VERSION|REDIS_DOWNLOAD_\w+|GOSU_VERSION)=/;

function ownVariables({ Config }: ContainerFacts, wanted: readonly string[]): string {
  const own = (Config.Env ?? []).filter((variable) => !BROUGHT.test(variable) || wanted.includes(variable));
  return own.sort().join(' ');
}

async function expectedImages({
  redis,
  exporter,
  commander,
}: ImageSet): Promise<Readonly<Record<string, string | undefined>>> {
  const entries = Object.entries({ redis, exporter, commander, watchdog: commander }).map(
    async ([role, choice]) => {
      const format = ['--format', '{{.Id}}', imageName(choice)];
      const id = await docker(['image', 'inspect', ...format]).catch(() => undefined);
      // The next deploy builds it, and replaces the containers of another image.
      return [role, id ?? (choice.kind === 'dockerfile' ? imageName(choice) : undefined)] as const;
    },
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** Returns the names that the engine does not have. */
async function missingNames(
  kind: 'network' | 'volume',
  names: readonly string[],
): Promise<readonly string[]> {
  const text = await docker([kind, 'ls', '--format', '{{.Name}}']);
  const have = new Set(text.split('\n'));
  return names.filter((name) => !have.has(name));
}

/** Returns the names of the containers that have the environment's name, with or without labels. */
async function containersWithPrefix(plan: DockerPlan): Promise<readonly string[]> {
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

/**
 * Finds configuration in a volume that differs from the rendered files, because it was changed manually or was not
 * updated since.
 */
async function configurationFiles(
  plan: DockerPlan,
  sums: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<readonly DriftFinding[]> {
  const script = 'cd /kit && find . -type f | sort | xargs sha256sum';
  const probes = servicesOf(plan).map(async ({ container, configVolume }): Promise<DriftFinding[]> => {
    // A stopped container is a separate finding and cannot be queried.
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
        found: found.has(path) ? `${path} has different content` : `${path} is missing`,
        expected: 'as rendered',
        nextApply: 'does not change it',
        remedy: `docker rm -f ${plan.init.container}, then deploy to rewrite the volumes`,
      }));
  });
  return (await Promise.all(probes)).flat();
}

const missingResource = (kind: string, name: string): DriftFinding => ({
  what: name,
  kind: `${kind}-missing`,
  found: 'missing',
  expected: `a ${kind}`,
  nextApply: 'creates it',
  remedy: '',
});

const otherVersion = ({
  container,
  ...versions
}: Awaited<ReturnType<typeof otherVersions>>[number]): DriftFinding => ({
  ...{ what: container, kind: 'version', ...versions },
  ...{ nextApply: 'replaces it', remedy: '' },
});

const tooMany = (name: string): DriftFinding => ({
  what: name,
  kind: 'container-too-many',
  found: 'a container that is not in the plan',
  expected: 'none',
  nextApply: 'does not change it',
  remedy: `docker rm -f ${name}`,
});

/** Reports expiring certificates: the engine still matches the plan, but the next apply would replace them. */
function certificateRow(plan: DockerPlan, stateDir: string): readonly DriftFinding[] {
  const end = renewalDue(plan, stateDir);
  if (end === undefined) return [];
  return [
    {
      what: plan.environment.name,
      kind: 'certificate',
      found: `expires on ${end}`,
      expected: `at least ${RENEW_DAYS} days left`,
      nextApply: 'replaces it',
      remedy: 'deploy during low load: it replaces every node',
    },
  ];
}
