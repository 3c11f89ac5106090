/**
 * Finds differences between the deployed and the running environment. Queries the engine and not Terraform: a plan
 * detects neither a paused container nor one that is detached from its network, and does not read labels, variables and
 * health checks.
 *
 * plan + hashes ─▶ expectations ─┐
 * docker inspect, ls, diff ──────┴▶ findings, each with the effect of the next apply. Read-only.
 */

import { RENEW_DAYS, renewalDue } from './certificates.ts';
import { engineFacts } from './drift-facts.ts';
import { type ContainerFacts, inspectContainers, tryDocker } from './engine.ts';
import { dockerCommand, type Engine } from './engines.ts';
import { chooseImages } from './images.ts';
import { foreignError, readOwnership } from './ownership.ts';
import {
  bindingsOf,
  type DockerPlan,
  hasHosts,
  LABEL,
  PIDS_LIMIT,
  type PlannedContainer,
  type PlannedHost,
  RUN_AS,
  servicesOf,
} from './plan.ts';
import { renderHashes } from './rendering.ts';
import { otherVersions } from './server-versions.ts';
import { containerAddress, idsIn, readState, type State, stateAttributes } from './state.ts';

export type NextApply =
  /** The next apply repairs the difference. */
  | 'creates it'
  | 'replaces it'
  | 'rewrites it'
  | 'updates it in place'
  /** A setting that was turned off, such as `observability.prometheus`, no longer needs it. */
  | 'removes it'
  /** Terraform does not detect the difference; `remedy` repairs it. */
  | 'does not change it'
  /** Another container already has the name: Terraform does not find its own container, and cannot create it. */
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
 * Returns every difference between an environment and its plan.
 *
 * @throws KitError `ENVIRONMENT_FOREIGN`: another checkout deployed it, with passwords that are unknown here
 */
export async function findDrift(plan: DockerPlan, stateDir: string): Promise<readonly DriftFinding[]> {
  const state = await readState(plan.environment, { stateDir });
  const owned = idsIn(state);
  const ownership = await readOwnership(plan.environment, stateDir, async () => owned);
  if (ownership.foreign.length > 0) throw foreignError(plan.environment, ownership, { stateDir });
  const services = servicesOf(plan);
  const chosen = chooseImages(stateDir, plan.environment);
  const { hashes, sums, archiveSha256 } = renderHashes(plan, chosen.facts, stateDir);
  const inits = plan.hosts.map(({ init }) => init);
  const [found, facts, files] = await Promise.all([
    inspectContainers([...services, ...inits, plan.ready]),
    Promise.all(plan.hosts.map((host) => engineFacts(plan, host, chosen))),
    configurationFiles(plan, sums),
  ]);
  const factsOf = ({ engine }: Pick<PlannedContainer, 'engine'>) =>
    facts.find((each) => each.host.engine === engine);
  // One deploy fills the volumes of all hosts.
  const isRefilled = plan.hosts.some((host, i) => deployedArchive(state, host) !== archiveSha256[i]);
  const perContainer = services.flatMap((service) => {
    const facts = found.get(service.container);
    if (facts === undefined) return [missingResource('container', service.container)];
    const images = factsOf(service)?.images ?? {};
    const expectation = {
      service,
      plan,
      image: images[service.id] ?? images.redis,
      hash: hashes.get(service.configVolume),
      // Before the first deploy, the state has no ids, so no container counts as foreign.
      deployed: owned.size === 0 || owned.has(facts.Id),
      lostNetworks: factsOf(service)?.missingNetworks ?? [],
    };
    return compareContainer(facts, expectation);
  });
  const versions = await otherVersions(plan, found, chosen);
  const oneShots = [...inits, plan.ready].map(({ container }) => container);
  const shortLived = oneShots.filter((name) => !found.has(name));
  const known = new Set([...services.map(({ container }) => container), ...oneShots]);
  const surplus = facts.flatMap(({ host, containers }) =>
    containers
      .filter((name) => !known.has(name))
      .map((name) => tooMany(name, host.engine, containerAddress(state, name) !== undefined)),
  );
  return [
    ...facts.flatMap(({ missingNetworks }) =>
      missingNetworks.map((name) => missingResource('network', name)),
    ),
    ...facts.flatMap(({ missingVolumes }) => missingVolumes.map((name) => missingResource('volume', name))),
    ...perContainer,
    ...versions.map(otherVersion),
    ...shortLived.map((name) => missingResource('container', name)),
    ...surplus,
    ...files.map((finding) => (isRefilled ? { ...finding, ...REFILLED } : finding)),
    ...(isRefilled ? inits.filter(({ container }) => found.has(container)).map(otherArchive) : []),
    ...certificateRow(plan, stateDir),
  ];
}

/** Returns the hash of the files with which the configuration volumes were filled; undefined if nothing is deployed. */
function deployedArchive(state: State, { engine }: PlannedHost): string | undefined {
  const resource = engine === undefined ? 'configuration_init' : `configuration-${engine.host}_init`;
  const upload = stateAttributes(state, 'docker_container', resource)?.upload as
    | readonly { readonly source_hash?: string }[]
    | undefined;
  return upload?.[0]?.source_hash;
}

/**
 * Effect of a changed setting or password: the next deploy rewrites every configuration volume, and also overwrites
 * manual changes.
 */
const REFILLED = { nextApply: 'rewrites it', remedy: '' } as const;

const otherArchive = ({ container }: PlannedHost['init']): DriftFinding => ({
  what: container,
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
        : {
            nextApply: 'fails: the name is in use',
            remedy: `${commandOf(expectation)} rm -f ${container}, then deploy`,
          }),
    }));
}

/**
 * Whether replacing the container also removes the difference, even if Terraform does not detect the difference or
 * would only update the container.
 */
const endsWithContainer = ([, , , nextApply]: Row): boolean =>
  nextApply === 'does not change it' || nextApply === 'updates it in place';

const replacedRow = ([kind, found, expected]: Row): Row => [kind, found, expected, 'replaces it'];

/** Start of a shell command for a container's engine. */
const commandOf = ({ service }: Expectation): string => dockerCommand(service.engine);

function stateRows({ State }: ContainerFacts, expectation: Expectation): readonly Row[] {
  const { container } = expectation.service;
  const command = commandOf(expectation);
  if (State.Status === 'paused') {
    return [['paused', 'paused', 'running', 'does not change it', `${command} unpause ${container}`]];
  }
  const sick = State.Status === 'running' && State.Health?.Status === 'unhealthy';
  return [
    ['stopped', State.Status, 'running', 'replaces it'],
    ['unhealthy', sick ? 'unhealthy' : 'not', 'not', 'does not change it', `${command} logs ${container}`],
  ];
}

function networkRows({ NetworkSettings }: ContainerFacts, expectation: Expectation): readonly Row[] {
  const { service, plan, lostNetworks } = expectation;
  const { data, publish } = plan.networks;
  const { container, address } = service;
  const joined = NetworkSettings.Networks;
  const command = commandOf(expectation);
  const connect = `${command} network connect --ip ${address.host} ${data.name} ${container}`;
  // A stopped container has no address; its configured address is compared elsewhere.
  const held =
    joined[data.name] === undefined
      ? 'not in the data network'
      : joined[data.name]?.IPAddress || address.host;
  const placed = (isIn: boolean) => (isIn ? 'in it' : 'not in the publishing network');
  const published = placed(joined[publish.name] !== undefined);
  // The next apply recreates a lost network, but does not attach its containers.
  const remedy = (network: string, connect: string) =>
    lostNetworks.includes(network) ? `deploy, then ${connect}` : connect;
  const leaves = 'does not change it';
  const join = `${command} network connect ${publish.name} ${container}`;
  // With `hosts`, every container is in the publishing network, and there is no other.
  const isPublished = hasHosts(plan) || service.published !== undefined;
  const rows: readonly Row[] = [
    ['disconnected', held, address.host, leaves, remedy(data.name, connect)],
    ['disconnected', published, placed(isPublished), leaves, remedy(publish.name, join)],
  ];
  return hasHosts(plan) ? rows.slice(1) : rows;
}

function settingRows(facts: ContainerFacts, expectation: Expectation): readonly Row[] {
  const { service, image, hash } = expectation;
  const { Config, HostConfig } = facts;
  const pids = String(HostConfig.PidsLimit ?? 'none');
  const limitProcesses = `${commandOf(expectation)} update --pids-limit ${PIDS_LIMIT} ${service.container}`;
  const megabytes = `${Math.round(HostConfig.Memory / 1024 ** 2)} MB`;
  const ports = bindingsOf(service).map(
    ({ inside, outside }) => `${outside.host}:${outside.port}->${inside}`,
  );
  return [
    ['image', facts.Image, image ?? facts.Image, 'replaces it'],
    ['memory', megabytes, `${service.memoryMb} MB`, 'updates it in place'],
    ['restart', HostConfig.RestartPolicy.Name, 'unless-stopped', 'updates it in place'],
    // The limit is set through the engine after a replacement; Terraform never reads it.
    ['process-limit', pids, String(PIDS_LIMIT), 'does not change it', limitProcesses],
    ['port', portsOf(facts), ports.sort().join(' '), 'replaces it'],
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
      `${commandOf(expectation)} rm -f ${service.container}, then deploy`,
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

/**
 * Finds configuration in a volume that differs from the rendered files, because it was changed manually or was not
 * updated with the files.
 */
async function configurationFiles(
  plan: DockerPlan,
  sums: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<readonly DriftFinding[]> {
  const script = 'cd /kit && find . -type f | sort | xargs sha256sum';
  const probes = servicesOf(plan).map(async (service): Promise<DriftFinding[]> => {
    const { container, configVolume, engine } = service;
    // A stopped container is a separate finding and cannot be queried.
    const record = await tryDocker(['exec', container, 'sh', '-c', script], { engine });
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
        remedy: `${dockerCommand(engine)} rm -f ${initOf(plan, engine)}, then deploy to rewrite the volumes`,
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

/** @param deployed whether Terraform created the container, and therefore removes it */
const tooMany = (name: string, engine: Engine | undefined, deployed: boolean): DriftFinding => ({
  what: name,
  kind: 'container-too-many',
  found: 'a container that is not in the plan',
  expected: 'none',
  ...(deployed
    ? { nextApply: 'removes it', remedy: '' }
    : { nextApply: 'does not change it', remedy: `${dockerCommand(engine)} rm -f ${name}` }),
});

/** Returns the container that fills the volumes of an engine. */
const initOf = ({ hosts, init }: DockerPlan, engine: Engine | undefined): string =>
  (hosts.find((host) => host.engine === engine)?.init ?? init).container;

/**
 * Reports expiring certificates: the engine still matches the plan, but the next apply would replace the certificates.
 */
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
