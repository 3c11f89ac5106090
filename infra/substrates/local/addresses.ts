/**
 * Addresses of an environment's nodes.
 *
 * If the system lets a program bind any address of 127.0.0.0/8 (Linux), every node has its own address and all Redis
 * nodes share one port, as on real hosts. Otherwise (macOS) all nodes listen on 127.0.0.1, each on its own port.
 *
 * In both cases an environment claims a numbered *block*. Claims are files in a directory that all checkouts of this
 * user share, changed only under a lock, so that two environments never collide. A claim is stale, and its block free,
 * if neither its owner's process nor its environment's ledger exists any more.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { unwritableBecause } from '../../host/disk.ts';
import { acquireLock, withLock } from '../../host/lock.ts';
import { makePrivateDir, writePrivate } from '../../host/private-files.ts';
import { isAlive, ownProcess, type ProcessIdentity } from '../../host/process-identity.ts';
import {
  type Address,
  busAddress,
  nodesOf,
  type Placement,
  type Topology,
  type TopologyNode,
} from '../../topology.ts';
import { ledgerPath, readLedger } from './ledger.ts';
import type { Addressing } from './options.ts';

export interface Block {
  readonly number: number;
  readonly addressing: Addressing;
  readonly placement: Placement;
}

interface BlockClaim {
  readonly owner: ProcessIdentity;
  readonly stateDir: string;
  readonly environment: string;
}

export interface BlockRequest {
  readonly topology: Topology;
  readonly stateDir: string;
  /** Number of the only acceptable block, for an environment that had it before or a caller that requires it. */
  readonly only?: number | undefined;
  readonly addressing?: Addressing | undefined;
  /** Directory of the claims; by default shared by all checkouts of this user. */
  readonly registryDir?: string | undefined;
}

/** 127.80.1.x to 127.87.250.x: far from 127.0.0.x (in use) and 127.0.1.1 (Debian's address of the hostname). */
const FIRST_OCTET_B = 80;
const BLOCKS_PER_OCTET = 250;
const BLOCKS = 8 * BLOCKS_PER_OCTET;
/** Last octet of the first sentinel, so that addresses in logs show the roles. */
const FIRST_SENTINEL_HOST = 11;
/**
 * Number of ports per block and role if all nodes share one address; the schema allows 10 Redis nodes and 7 sentinels.
 */
const PORTS_PER_BLOCK = 10;
/**
 * Number of blocks if all nodes share one address: blocks are numbered upwards from the configured port, and this many
 * blocks stay below the next well-known ports.
 */
const PORT_BLOCKS = 50;

/** Last octet of the watchdog's address, which follows the addresses of the sentinels. */
const WATCHDOG_HOST = 21;

/** Claims the first free block and assigns an address to every node. @throws KitError `ADDRESS_IN_USE` */
export async function claimBlock(request: BlockRequest): Promise<Block> {
  const { topology, stateDir } = request;
  const addressing = request.addressing ?? (await probeAddressing());
  const dir = request.registryDir ?? registryDir();
  return withLock(lockRegistry(dir), async () => {
    const taken = await takenBlocks(dir);
    const count = addressing === 'address-per-node' ? BLOCKS : PORT_BLOCKS;
    const candidates =
      request.only === undefined ? Array.from({ length: count }, (_, i) => i) : [request.only];
    const refused: string[] = [];
    for (const number of candidates) {
      const claim = taken.get(number);
      if (claim !== undefined) {
        refused.push(takenBy(number, claim));
        continue;
      }
      const placement = placeNodes(topology, addressing, number);
      const busy = await firstAddressInUse(listenersOf(topology, placement));
      if (busy === undefined) {
        await writeClaim(dir, number, stateDir, topology.environment.name);
        return { number, addressing, placement };
      }
      refused.push(`${busy.host}:${busy.port} is in use by another program`);
      if (isPortTakenEverywhere(refused)) break;
    }
    throw addressesInUse(refused, topology);
  });
}

/**
 * Ensures that a persistent environment still has its block: a reboot may have emptied the directory of claims, and
 * another environment may have claimed the block since.
 *
 * @throws KitError `ADDRESS_IN_USE`
 */
export async function keepBlock(
  number: number,
  topology: Topology,
  stateDir: string,
  dir = registryDir(),
): Promise<void> {
  const environment = topology.environment.name;
  await withLock(lockRegistry(dir), async () => {
    const claim = readClaim(claimPath(dir, number));
    if (claim?.stateDir === stateDir && claim.environment === environment) return;
    if (claim !== undefined && (await isHeld(claim, number))) {
      throw addressesInUse([takenBy(number, claim)], topology);
    }
    await writeClaim(dir, number, stateDir, environment);
  });
}

/** Releases the block, if it belongs to this environment. */
export async function releaseBlock(
  number: number,
  stateDir: string,
  environment: string,
  dir = registryDir(),
): Promise<void> {
  if (!existsSync(dir)) return;
  await withLock(lockRegistry(dir, true), async () => {
    const claim = readClaim(claimPath(dir, number));
    if (claim?.stateDir === stateDir && claim.environment === environment) {
      rmSync(claimPath(dir, number), { force: true });
    }
  });
}

/**
 * Returns the source address of the watchdog's connections; undefined if all nodes share one address. The watchdog has
 * no listener, but with its own address it can be separated by a partition, like a node.
 */
export function watchdogHost({
  addressing,
  placement,
}: Pick<Block, 'addressing' | 'placement'>): string | undefined {
  const [first] = placement.values();
  return addressing === 'address-per-node' ? first?.host.replace(/\d+$/, String(WATCHDOG_HOST)) : undefined;
}

/** Parts of `observability.prometheus`, in start order. */
export const OBSERVABILITY_PARTS = ['exporter', 'certificate-probe', 'alertmanager', 'prometheus'] as const;
export type ObservabilityPart = (typeof OBSERVABILITY_PARTS)[number];

/** Addresses of these parts if each node has its own address, with their well-known ports. */
const OBSERVABILITY: Readonly<Record<ObservabilityPart, Address>> = {
  exporter: { host: '31', port: 9121 },
  'certificate-probe': { host: '32', port: 9122 },
  alertmanager: { host: '33', port: 9093 },
  prometheus: { host: '34', port: 9090 },
};

/** Returns the addresses of these parts in the block of an environment; all are on loopback. */
export function observabilityAddresses({
  addressing,
  placement,
  topology,
}: Pick<Block, 'addressing' | 'placement'> & { readonly topology: Topology }): Readonly<
  Record<ObservabilityPart, Address>
> {
  const [first] = placement.values();
  // If all nodes share one address, these ports have the same offset from the first port as the ports of the nodes in
  // the block.
  const offset = (first?.port ?? 0) - topology.environment.redis.port;
  const placed = Object.entries(OBSERVABILITY).map(([part, { host, port }]) => [
    part,
    addressing === 'address-per-node'
      ? { host: first?.host.replace(/\d+$/, host) ?? '127.0.0.1', port }
      : { host: '127.0.0.1', port: port + offset },
  ]);
  return Object.fromEntries(placed) as Readonly<Record<ObservabilityPart, Address>>;
}

/** Returns every node's address in a block. Pure. */
export function placeNodes(topology: Topology, addressing: Addressing, block: number): Placement {
  const { redis, sentinel } = topology.environment;
  const address = (node: TopologyNode): Address => {
    const port = node.role === 'redis' ? redis.port : sentinel.port;
    if (addressing === 'port-per-node') {
      return { host: '127.0.0.1', port: port + block * PORTS_PER_BLOCK + node.index - 1 };
    }
    const net = `127.${FIRST_OCTET_B + Math.floor(block / BLOCKS_PER_OCTET)}.${1 + (block % BLOCKS_PER_OCTET)}`;
    const host = node.role === 'redis' ? node.index : FIRST_SENTINEL_HOST + node.index - 1;
    return { host: `${net}.${host}`, port };
  };
  return new Map(nodesOf(topology).map((node) => [node.id, address(node)]));
}

/** Returns all addresses on which the nodes will listen, including the cluster bus. */
function listenersOf({ environment }: Topology, placement: Placement): readonly Address[] {
  const clients = [...placement.values()];
  if (environment.topology.kind !== 'cluster') return clients;
  return [...clients, ...clients.map((address) => busAddress(environment, address))];
}

/** Returns whether this system lets a program bind any address of 127.0.0.0/8. */
export async function probeAddressing(): Promise<Addressing> {
  const problem = await tryBind({ host: `127.${FIRST_OCTET_B}.0.1`, port: 0 });
  return problem === undefined ? 'address-per-node' : 'port-per-node';
}

/** Returns the first address that cannot be bound; undefined if there is none. */
async function firstAddressInUse(addresses: readonly Address[]): Promise<Address | undefined> {
  for (const address of addresses) {
    if ((await tryBind(address)) !== undefined) return address;
  }
  return undefined;
}

function tryBind(address: Address): Promise<string | undefined> {
  const { promise, resolve } = deferredPromise<string | undefined>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  server.listen({ ...address, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}

function deferredPromise<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function registryDir(): string {
  return join(tmpdir(), `redis-cache-kit-${userInfo().uid}`, 'blocks');
}

/** Checks the temporary directory. @throws KitError `TMPDIR_UNUSABLE` */
function requireTemporaryDir(): void {
  const because = unwritableBecause(tmpdir());
  if (because === undefined) return;
  throw new KitError(`the directory for temporary files is not usable: ${because}`, {
    code: 'TMPDIR_UNUSABLE',
    exitCode: EXIT.UNKNOWN,
    where: tmpdir(),
    hint: 'set TMPDIR to a directory that is writable for this user',
  });
}

async function lockRegistry(dir: string, makesRoom = false): Promise<Disposable> {
  requireTemporaryDir();
  makePrivateDir(dir);
  return acquireLock(join(dir, 'lock'), {
    what: 'address blocks of this user',
    timeoutMs: 10_000,
    makesRoom,
  });
}

async function writeClaim(dir: string, number: number, stateDir: string, environment: string): Promise<void> {
  const claim: BlockClaim = { owner: await ownProcess(), stateDir, environment };
  writePrivate(claimPath(dir, number), JSON.stringify(claim));
}

function takenBy(number: number, claim: BlockClaim): string {
  return `block ${number} belongs to environment '${claim.environment}' of ${claim.stateDir}`;
}

function claimPath(dir: string, number: number): string {
  return join(dir, `${number}.json`);
}

function readClaim(path: string): BlockClaim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as BlockClaim;
  } catch {
    return undefined;
  }
}

async function takenBlocks(dir: string): Promise<ReadonlyMap<number, BlockClaim>> {
  const taken = new Map<number, BlockClaim>();
  for (const file of readdirSync(dir).filter((name) => /^\d+\.json$/.test(name))) {
    const number = Number.parseInt(file, 10);
    const claim = readClaim(join(dir, file));
    if (claim !== undefined && (await isHeld(claim, number))) taken.set(number, claim);
    else rmSync(join(dir, file), { force: true });
  }
  return taken;
}

async function isHeld(claim: BlockClaim, number: number): Promise<boolean> {
  try {
    if (readLedger(ledgerPath(claim.stateDir, claim.environment))?.block === number) return true;
  } catch {
    // An environment whose record is unreadable may still be running.
    return true;
  }
  return isAlive(claim.owner);
}

/**
 * Whether three blocks were refused on different addresses for the same port, which means that a program listens on all
 * addresses.
 */
function isPortTakenEverywhere(refused: readonly string[]): boolean {
  return refused.filter((line) => line.includes('in use by another program')).length >= 3;
}

function addressesInUse(refused: readonly string[], topology: Topology): KitError {
  const { name, redis, sentinel } = topology.environment;
  const everywhere = isPortTakenEverywhere(refused);
  return new KitError(
    everywhere
      ? `ports ${redis.port} and ${sentinel.port} are in use on every loopback address: ${refused.at(-1)}`
      : (refused[0] ?? 'no address block is free'),
    {
      code: 'ADDRESS_IN_USE',
      exitCode: EXIT.UNKNOWN,
      where: `environment '${name}'`,
      hint: everywhere
        ? `find it with: ss -ltnp 'sport = :${redis.port} or sport = :${sentinel.port}'; stop it, or set redis.port and sentinel.port to free ports`
        : 'stop the listener, or let the kit choose the block',
    },
  );
}
