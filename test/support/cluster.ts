/**
 * A temporary Redis Cluster of six real processes: three masters with one replica each, formed by their configuration
 * files.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort, RedisProcess, waitUntil } from './redis-process.ts';

export interface ClusterSet extends AsyncDisposable {
  /**
   * The first three nodes start as masters, each with a third of the slots. The fourth follows the first, and so on.
   */
  readonly nodes: readonly RedisProcess[];
  /** Node ids in the order of `nodes`. */
  readonly ids: readonly string[];
  /** Returns the node that reports that it is the master of the slot. */
  owner(slot: number): Promise<RedisProcess>;
}

const RANGES: readonly string[] = ['0-5460', '5461-10922', '10923-16383'];

const ALL = [0, 1, 2, 3, 4, 5] as const;

/** Identity and ports of every node before it starts. */
interface ClusterPlan {
  readonly ids: readonly string[];
  readonly ports: readonly number[];
  readonly busPorts: readonly number[];
  host(i: number): string;
}

export async function startCluster(options: { nodeTimeoutMs?: number } = {}): Promise<ClusterSet> {
  const net = 1 + Math.floor(Math.random() * 250);
  const host = (i: number): string => `127.62.${net}.${i + 1}`;
  const dir = mkdtempSync(join(tmpdir(), 'kit-cluster-'));
  const plan: ClusterPlan = {
    ids: ALL.map((i) => createHash('sha1').update(`${dir}${i}`).digest('hex')),
    ports: await Promise.all(ALL.map((i) => findFreePort(host(i)))),
    busPorts: await Promise.all(ALL.map((i) => findFreePort(host(i)))),
    host,
  };
  const nodes = await Promise.all(
    ALL.map((i) => {
      const file = join(dir, `nodes-${i}.conf`);
      writeFileSync(file, renderNodesFile(plan, i));
      return RedisProcess.start({
        host: host(i),
        port: plan.ports[i] as number,
        conf: [
          'cluster-enabled yes',
          `cluster-config-file ${file}`,
          `cluster-port ${plan.busPorts[i]}`,
          `cluster-announce-ip ${host(i)}`,
          `cluster-node-timeout ${options.nodeTimeoutMs ?? 1000}`,
          `bind-source-addr ${host(i)}`,
          'cluster-allow-replica-migration no',
          'cluster-replica-validity-factor 0',
          'cluster-require-full-coverage no',
        ],
      });
    }),
  );
  await waitUntil('the cluster is complete', () => isWhole(nodes));
  return {
    nodes,
    ids: plan.ids,
    async owner(slot) {
      for (const node of nodes) if (await servesSlot(node, slot)) return node;
      throw new Error(`no node reports slot ${slot}`);
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The cluster configuration file of the node `self`, with the state of the formed cluster. */
function renderNodesFile({ ids, ports, busPorts, host }: ClusterPlan, self: number): string {
  return ALL.map((i) => {
    const role = i < 3 ? 'master -' : `slave ${ids[i - 3]}`;
    const flags = i === self ? `myself,${role}` : role;
    const slots = i < 3 ? ` ${RANGES[i]}` : '';
    return `${ids[i]} ${host(i)}:${ports[i]}@${busPorts[i]} ${flags} 0 0 ${(i % 3) + 1} connected${slots}`;
  })
    .concat('vars currentEpoch 6 lastVoteEpoch 0', '')
    .join('\n');
}

async function servesSlot(node: RedisProcess, slot: number): Promise<boolean> {
  const table = await node
    .admin()
    .call('CLUSTER', 'NODES')
    .catch(() => '');
  const own = String(table)
    .split('\n')
    .find((line) => line.includes('myself'));
  const ranges = own?.split(' ').slice(8) ?? [];
  return ranges.some((range) => {
    const [first = -1, last = first] = range.split('-').map(Number);
    return slot >= first && slot <= last;
  });
}

/** True if every node reports all slots as served, and every replica is in sync. */
async function isWhole(nodes: readonly RedisProcess[]): Promise<boolean> {
  const answers = await Promise.all(
    nodes.map(async (node) => [
      String(await node.admin().call('CLUSTER', 'INFO')),
      await node.admin().info('replication'),
    ]),
  );
  return answers.every(
    ([info = '', replication = ''], i) =>
      info.includes('cluster_state:ok') &&
      (i < 3 ? /slave0:.*state=online/.test(replication) : replication.includes('master_link_status:up')),
  );
}

/** A slot that is migrating between two masters until `finish` or `abort` is called. */
export interface SlotMove {
  readonly from: RedisProcess;
  readonly to: RedisProcess;
  /** Migrates the given keys. */
  readonly migrate: (physicalKeys: readonly string[]) => Promise<void>;
  readonly finish: () => Promise<void>;
  readonly abort: () => Promise<void>;
}

/** Starts the migration of a slot to another master. */
export async function beginMove(set: ClusterSet, slot: number): Promise<SlotMove> {
  const from = await set.owner(slot);
  const to = set.nodes.find((node, i) => i < 3 && node !== from) as RedisProcess;
  const id = (node: RedisProcess): string => set.ids[set.nodes.indexOf(node)] as string;
  await to.admin().call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', id(from));
  await from.admin().call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id(to));
  return {
    from,
    to,
    async migrate(keys) {
      const { host, port } = to.address;
      await from.admin().call('MIGRATE', host, port, '', 0, 1000, 'KEYS', ...keys);
    },
    async finish() {
      for (const node of [to, from]) await node.admin().call('CLUSTER', 'SETSLOT', slot, 'NODE', id(to));
    },
    async abort() {
      for (const node of [to, from]) await node.admin().call('CLUSTER', 'SETSLOT', slot, 'STABLE');
    },
  };
}
