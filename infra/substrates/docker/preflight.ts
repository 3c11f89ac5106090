/**
 * Checks that the ports and addresses that an environment needs on the engine are free. Runs before a deploy, so that a
 * deploy that cannot succeed creates nothing.
 *
 * Left out: ports that another program takes after the check, which Terraform reports (`terraform-errors.ts`).
 */
import { createServer } from 'node:net';
import { readVariables } from '../../../config/env.ts';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { Address } from '../../topology.ts';
import { docker, tryDocker } from './engine.ts';
import type { Engine } from './engines.ts';
import type { Ownership } from './ownership.ts';
import { bindingsOf, type DockerPlan, hasHosts, type PublishedContainer, publishedOf } from './plan.ts';

/** Checks ports and addresses. @throws KitError `PORT_IN_USE`, `SUBNET_IN_USE` */
export async function requireFreePortsAndSubnets(
  plan: DockerPlan,
  { own }: Pick<Ownership, 'own'>,
): Promise<void> {
  const names = new Set(own.map(({ name }) => name));
  const [ports, subnet] = await Promise.all([
    takenPorts(plan, names),
    hasHosts(plan) ? undefined : takenSubnet(plan, names),
  ]);
  if (ports.length > 0) throw portsTaken(plan, ports);
  if (subnet !== undefined) throw subnetTaken(plan, subnet);
}

interface TakenPort {
  readonly service: PublishedContainer;
  readonly published: Address;
  /** Container that publishes the port; undefined if a program on this machine uses it. */
  readonly holder: string | undefined;
}

async function takenPorts(plan: DockerPlan, own: ReadonlySet<string>): Promise<readonly TakenPort[]> {
  const [published, isHere] = await Promise.all([
    Promise.all(plan.hosts.map(({ engine }) => publishedPorts(engine))).then((ports) => ports.flat()),
    // The engine of a host may be on another machine, even if its socket is forwarded to this one.
    hasHosts(plan) ? false : isOnThisMachine(),
  ]);
  const bindings = publishedOf(plan).flatMap((service) =>
    bindingsOf(service).map(({ outside }) => ({ service, published: outside })),
  );
  const checks = bindings.map(async (binding): Promise<readonly TakenPort[]> => {
    const { host, port } = binding.published;
    const holders = published.filter(
      (each) => each.engine === binding.service.engine && each.port === port && overlaps(each.host, host),
    );
    if (holders.some(({ container }) => own.has(container))) return [];
    const [other] = holders;
    if (other !== undefined) return [{ ...binding, holder: other.container }];
    return isHere && (await isListenedOn(host, port)) ? [{ ...binding, holder: undefined }] : [];
  });
  return (await Promise.all(checks)).flat();
}

/** Whether two addresses overlap: a port that is published on all addresses is in use on each of them. */
const overlaps = (one: string, other: string): boolean =>
  one === other || one === '0.0.0.0' || one === '::' || one === '[::]';

interface PublishedPort {
  readonly container: string;
  readonly engine: Engine | undefined;
  readonly host: string;
  readonly port: number;
}

/** Returns the published ports of the running containers. */
async function publishedPorts(engine: Engine | undefined): Promise<readonly PublishedPort[]> {
  const text = await docker(['container', 'ls', '--format', '{{.Names}}\t{{.Ports}}'], { engine });
  return text.split('\n').flatMap((line) => {
    const [container = '', ports = ''] = line.split('\t');
    return parsePorts(ports).map((port) => ({ container, engine, ...port }));
  });
}

/** Pure: parses `127.0.0.1:6379->6379/tcp, 0.0.0.0:7000-7002->7000-7002/tcp` into individual ports. */
export function parsePorts(text: string): readonly Omit<PublishedPort, 'container' | 'engine'>[] {
  return [...text.matchAll(/(\S+):(\d+)(?:-(\d+))?->/g)].flatMap(([, host = '', from, to = from]) =>
    Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => ({ host, port: Number(from) + i })),
  );
}

/** Whether the engine runs on this machine: the ports of another machine cannot be probed from here. */
async function isOnThisMachine(): Promise<boolean> {
  const named = readVariables().get('DOCKER_HOST')?.text;
  const host = named ?? (await docker(['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}']));
  return host.startsWith('unix:');
}

function isListenedOn(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // The engine reports any other error, such as a port that only root may open.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

function portsTaken({ environment }: DockerPlan, taken: readonly TakenPort[]): KitError {
  const list = taken.map(({ service: { id }, published, holder }) => {
    const by = holder === undefined ? 'another program' : `container ${holder}`;
    return `${published.port} (${id}) by ${by}`;
  });
  const kinds = [...new Set(taken.map(({ service: { id } }) => id.replace(/-\d+$/, '')))];
  const settings = kinds.map((kind) => `docker.ports.${kind}`).join(', ');
  return new KitError(`ports of environment '${environment.name}' are in use: ${list.join(', ')}`, {
    code: 'PORT_IN_USE',
    where: `${taken[0]?.published.host ?? ''}:${taken[0]?.published.port ?? ''}`,
    hint: `set ${settings} to free ports (kit up --set ${settings.split(',')[0]}=PORT), or stop the listener (docker ps, ss -ltnp)`,
    exitCode: EXIT.USAGE,
  });
}

async function takenSubnet(
  { networks: { data } }: DockerPlan,
  own: ReadonlySet<string>,
): Promise<{ readonly name: string; readonly subnet: string } | undefined> {
  const ids = (await docker(['network', 'ls', '--quiet'])).split('\n');
  const format = '{{.Name}}\t{{range .IPAM.Config}}{{.Subnet}} {{end}}';
  // Exit code 1 only means that a network was removed in the meantime; stdout contains the other networks.
  const { stdout } = await tryDocker(['network', 'inspect', '--format', format, ...ids]);
  const networks = stdout
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [name = '', subnets = ''] = line.split('\t');
      return subnets
        .trim()
        .split(' ')
        .map((subnet) => ({ name, subnet }));
    });
  return networks.find(({ name, subnet }) => !own.has(name) && subnetsOverlap(subnet, data.subnet));
}

/** Whether two IPv4 subnets in CIDR notation overlap. Other notations count as not overlapping. Pure. */
export function subnetsOverlap(one: string, other: string): boolean {
  const [a, b] = [rangeOf(one), rangeOf(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

function rangeOf(cidr: string): { readonly first: number; readonly last: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 32] = match.slice(1).map(Number);
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = address - (address % size);
  return { first, last: first + size - 1 };
}

function subnetTaken(
  { environment, networks: { data } }: DockerPlan,
  { name, subnet }: { readonly name: string; readonly subnet: string },
): KitError {
  return new KitError(
    `the data network of environment '${environment.name}', ${data.subnet}, overlaps network ${name}, ${subnet}`,
    {
      code: 'SUBNET_IN_USE',
      where: `network ${name}`,
      hint: 'set docker.subnet to a free /24 (kit up --set docker.subnet=10.200.7.0/24), or remove the network with docker network rm',
      exitCode: EXIT.USAGE,
    },
  );
}
