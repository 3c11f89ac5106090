/**
 * Places the nodes of an environment on its hosts, and checks that the service survives the loss of any one of them: a
 * majority of the sentinels or masters and a copy of the data must remain. Pure: the same configuration gives the same
 * placement.
 */
import { busPortProblems, clusterLoad, clusterLosses } from './cluster-placement.ts';
import { idsOf, type Loss, type Placed, type Problem, type Role } from './host-loss.ts';
import type { HostSetting } from './host-settings.ts';
import { majorityOf } from './majority.ts';

const nodeIds = ({ topology: { masters, replicas, sentinels } }: Placed): readonly string[] => [
  ...idsOf('redis', masters * (replicas + 1)),
  ...idsOf('sentinel', sentinels),
];

/**
 * Returns the name of the host of every node, by node id; empty without `hosts`. Each node that `placement` does not
 * name is placed on the host with the fewest nodes of its role, then the fewest nodes, then the first in the list. For
 * clusters, see `clusterLoad`.
 */
export function placeNodes(env: Placed): ReadonlyMap<string, string> {
  const { topology, hosts, placement = {} } = env;
  if (hosts === undefined) return new Map();
  const ids = nodeIds(env);
  const placed = new Map(ids.flatMap((id) => (placement[id] === undefined ? [] : [[id, placement[id]]])));
  const loadOf = (id: string, host: string) =>
    topology.kind === 'cluster' ? clusterLoad(id, host, env, placed) : roleLoad(id, host, placed);
  for (const id of ids.filter((id) => !placed.has(id))) {
    const [host] = [...hosts].sort((a, b) => loadOf(id, a.name) - loadOf(id, b.name));
    if (host !== undefined) placed.set(id, host.name);
  }
  // In the order of the nodes, even if `placement` names some of them.
  return new Map(ids.map((id) => [id, placed.get(id) ?? '']));
}

function roleLoad(id: string, host: string, placed: ReadonlyMap<string, string>): number {
  const role = id.replace(/-\d+$/, '');
  const nodes = [...placed].filter(([, at]) => at === host);
  return nodes.filter(([other]) => other.startsWith(role)).length * 100 + nodes.length;
}

/** Returns the contradictions in `hosts` and `placement`. */
export function hostContradictions(env: Placed): readonly Problem[] {
  const { hosts, placement } = env;
  if (hosts === undefined) {
    if (placement === undefined) return [];
    return [{ path: ['placement'], message: 'must be omitted without hosts' }];
  }
  const found = [
    ...kindProblems(env),
    ...(env.topology.kind === 'cluster' ? busPortProblems(env) : []),
    ...hostProblems(hosts),
    ...placementProblems(env, hosts),
  ];
  return found.length > 0 ? found : lossProblems(env, hosts);
}

function kindProblems({ topology: { kind } }: Placed): readonly Problem[] {
  if (kind !== 'single') return [];
  const message = `requires topology.kind 'sentinel' or 'cluster', got '${kind}': nothing would replace a node that is lost with its host`;
  return [{ path: ['hosts'], message }];
}

/**
 * Returns a text that is equal for the addresses of one engine: ssh uses port 22 by default, and the user does not
 * change the engine.
 */
function engineKey(engine: string): string {
  const [, host, port = '22'] = /^ssh:\/\/(?:[^@]*@)?([^:]*)(?::(\d+))?$/.exec(engine) ?? [];
  return host === undefined ? engine : `ssh://${host}:${port}`;
}

function hostProblems(hosts: readonly HostSetting[]): readonly Problem[] {
  return hosts.flatMap((host, i) => {
    const at = (key: string, message: string): Problem => ({ path: ['hosts', String(i), key], message });
    const before = hosts.slice(0, i);
    const twin = (key: 'name' | 'address') => before.find((other) => other[key] === host[key]);
    const sameEngine = before.find((other) => engineKey(other.engine) === engineKey(host.engine));
    const sameAddress = twin('address');
    const isTcp = host.engine.startsWith('tcp:');
    const port = Number(/:(\d+)$/.exec(host.engine)?.[1] ?? 1);
    return [
      ...(twin('name') ? [at('name', `must be unique, got '${host.name}' twice`)] : []),
      ...(port < 1 || port > 65_535 ? [at('engine', `must have a port from 1 to 65535, got '${port}'`)] : []),
      ...(sameEngine
        ? [at('engine', `is the engine of host '${sameEngine.name}': both would fail together`)]
        : []),
      ...(sameAddress
        ? [at('address', `is the address of host '${sameAddress.name}': both would fail together`)]
        : []),
      ...(isTcp && host.tls === undefined
        ? [at('tls', 'is missing: an engine at tcp:// without TLS gives everyone root on the host')]
        : []),
      ...(!isTcp && host.tls !== undefined
        ? [at('tls', `must be omitted for an engine at ${host.engine.split(':')[0]}://`)]
        : []),
    ];
  });
}

function placementProblems(env: Placed, hosts: readonly HostSetting[]): readonly Problem[] {
  const ids = nodeIds(env);
  const names = hosts.map(({ name }) => name);
  return Object.entries(env.placement ?? {}).flatMap(([id, host]) => {
    const path = ['placement', id];
    if (!ids.includes(id)) return [{ path, message: `must be one of ${ids.join(', ')}, got '${id}'` }];
    if (!names.includes(host))
      return [{ path, message: `must be one of ${names.join(', ')}, got '${host}'` }];
    return [];
  });
}

/** Reports the host whose loss has the most severe consequence, with the nodes on that host. */
function lossProblems(env: Placed, hosts: readonly HostSetting[]): readonly Problem[] {
  const placed = placeNodes(env);
  const lossesOf = env.topology.kind === 'cluster' ? clusterLosses : sentinelLosses;
  const severityOf = (losses: readonly Loss[]) => Math.max(...losses.map(({ severity }) => severity));
  const [worst] = hosts
    .map(({ name }) => {
      const lost = [...placed].flatMap(([id, host]) => (host === name ? [id] : []));
      return { name, lost, losses: lossesOf(env, lost) };
    })
    .filter(({ losses }) => losses.length > 0)
    .sort((a, b) => severityOf(b.losses) - severityOf(a.losses));
  if (worst === undefined) return [];
  const { name, lost, losses } = worst;
  const what = losses.map((loss) => loss.what).join('; ');
  const remedy = losses.map((loss) => loss.remedy).join('; ');
  const message = `the loss of host '${name}' (${lost.join(', ')}) would stop the service: ${what}. Remedy: ${remedy}`;
  return [{ path: ['hosts'], message }];
}

function sentinelLosses({ topology, redis }: Placed, lost: readonly string[]): readonly Loss[] {
  const { sentinels, quorum, replicas } = topology;
  const count = (role: Role) => lost.filter((id) => id.startsWith(role)).length;
  const sentinelsLeft = sentinels - count('sentinel');
  const dataLeft = replicas + 1 - count('redis');
  const majority = majorityOf(sentinels);
  const losses: Loss[] = [];
  if (sentinelsLeft < majority) {
    losses.push({
      severity: 2,
      what: `${sentinelsLeft} of ${sentinels} sentinels are left, and ${majority} must elect a new master`,
      remedy: `place at most ${sentinels - majority} of ${sentinels} sentinels on one host, and use at least three hosts (the third may run only a sentinel)`,
    });
  } else if (sentinelsLeft < quorum) {
    losses.push({
      severity: 2,
      what: `${sentinelsLeft} of ${sentinels} sentinels are left, and topology.quorum is ${quorum}`,
      remedy: `set topology.quorum to at most ${sentinelsLeft}, or spread the sentinels over more hosts`,
    });
  }
  if (dataLeft < 1) {
    losses.push({
      severity: 3,
      what: 'no Redis node is left, and the data is lost with the host',
      remedy: 'place the Redis nodes on at least two hosts',
    });
  } else if (count('redis') > 0 && dataLeft - 1 < redis.minReplicasToWrite) {
    losses.push({
      severity: 1,
      what: `the new master has ${dataLeft - 1} replicas, and with redis.minReplicasToWrite ${redis.minReplicasToWrite} it rejects every write`,
      remedy: `set redis.minReplicasToWrite to at most ${dataLeft - 1}, or spread more replicas over the hosts`,
    });
  }
  return losses;
}
