/**
 * Finds the masters of an external Redis Cluster in the reply to CLUSTER NODES of the first node that replies; no other
 * command is sent. Masters are numbered by their first slot. Replicas are not contacted.
 */
import type { Redis } from 'ioredis';
import { EXIT, KitError } from '../../../config/errors.ts';
import type { ExternalTarget } from '../../../config/external-target.ts';
import { parseClusterNodes } from '../../redis/cluster-nodes.ts';
import { type Address, CLUSTER_SLOTS, type SlotRange } from '../../topology.ts';
import { combineFailures, connectTo, lacksCommand } from './connection.ts';

export interface ClusterMaster {
  readonly id: string;
  readonly address: Address;
  /** Address in redirections. */
  readonly announced: Address;
  readonly slots: readonly SlotRange[];
}

/**
 * @throws KitError `EXTERNAL_NO_CLUSTER`, `EXTERNAL_NOPERM`, `EXTERNAL_CLUSTER_DOWN`, or the reason why no address
 * replies
 */
export async function mastersOf(target: ExternalTarget): Promise<readonly ClusterMaster[]> {
  const failures: KitError[] = [];
  for (const address of target.addresses) {
    try {
      return await readMasters(target, address);
    } catch (error) {
      // An unreachable or isolated node proves nothing about the others. A configuration error is the same on every
      // node.
      if (!(error instanceof KitError) || error.exitCode !== EXIT.UNKNOWN) throw error;
      failures.push(error);
    }
  }
  throw combineFailures(failures);
}

async function readMasters(target: ExternalTarget, address: Address): Promise<readonly ClusterMaster[]> {
  const redis = await connectTo(target, address);
  const text = await redis.call('CLUSTER', 'NODES').then(String, (error: Error) => error);
  const isNode = text instanceof Error && (await modeOf(redis)) === 'cluster';
  redis.disconnect();
  if (text instanceof Error) throw refusalOf(text, address, isNode);
  const masters = parseClusterNodes(text)
    .filter(({ flags, slots }) => flags.includes('master') && slots.length > 0)
    .map((line) => {
      // A node that has not detected its own address reports none, so the address at which it was reached is used.
      const { host: shown, port } = line.address;
      const host = shown === '' ? address.host : shown;
      // The certificate is issued for the hostname.
      const name = target.tls === undefined ? undefined : line.hostname;
      return { address: { host: name ?? host, port }, announced: { host, port }, line };
    })
    .sort((a, b) => (a.line.slots[0]?.[0] ?? 0) - (b.line.slots[0]?.[0] ?? 0));
  const lost = masters.filter(({ line: { flags } }) => flags.includes('fail') || flags.includes('fail?'));
  const served = masters
    .filter((master) => !lost.includes(master))
    .flatMap(({ line }) => line.slots)
    .reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (served < CLUSTER_SLOTS) {
    throw new KitError(`the cluster serves ${served} of ${CLUSTER_SLOTS} slots`, {
      code: 'EXTERNAL_CLUSTER_DOWN',
      exitCode: EXIT.UNKNOWN,
      where: `${address.host}:${address.port}`,
      hint: 'repair the cluster first (CLUSTER INFO, CLUSTER NODES)',
    });
  }
  return masters.map(({ address: at, announced, line }, i) => ({
    id: `redis-${i + 1}`,
    address: at,
    announced,
    slots: line.slots,
  }));
}

/** Returns the mode of the server, as HELLO reports it; undefined if there is no reply to HELLO. */
async function modeOf(redis: Redis): Promise<string | undefined> {
  const hello = await redis.call('HELLO', '2').catch(() => []);
  const fields = Array.isArray(hello) ? hello.map(String) : [];
  return fields[fields.indexOf('mode') + 1];
}

function refusalOf({ message }: Error, { host, port }: Address, isNode: boolean): KitError {
  const where = `${host}:${port}`;
  if (isNode && lacksCommand(message)) {
    return new KitError('the server has no CLUSTER command', {
      code: 'EXTERNAL_COMMAND',
      where,
      hint: 'remove the rename-command line for CLUSTER: the kit uses this command to read the slots',
    });
  }
  if (/cluster support disabled|unknown command/i.test(message)) {
    return new KitError('the server is not a node of a Redis Cluster', {
      code: 'EXTERNAL_NO_CLUSTER',
      where,
      hint: `use --url redis://${where}`,
    });
  }
  if (!message.startsWith('NOPERM')) {
    return new KitError(`the server does not report its slots: ${message}`, {
      code: 'EXTERNAL_UNREACHABLE',
      exitCode: EXIT.UNKNOWN,
      where,
      hint: 'check the network, and whether the server is still loading',
    });
  }
  return new KitError(`the server does not report its slots: ${message}`, {
    code: 'EXTERNAL_NOPERM',
    where,
    hint: 'grant +cluster|nodes to the user (and +asking for migrating slots)',
  });
}
