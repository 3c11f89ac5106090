/**
 * Places the nodes of an environment on its hosts, and checks that a majority of the sentinels and a copy of the data
 * remain if one host is lost. Pure: the same configuration gives the same placement.
 */
import type { z } from 'zod';
import type { HostSetting } from './host-settings.ts';
import type { settingsSchema } from './settings.ts';

type Placed = Pick<z.infer<typeof settingsSchema>, 'topology' | 'redis' | 'hosts' | 'placement'>;
type Role = 'redis' | 'sentinel';
interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

const idsOf = (role: Role, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${role}-${i + 1}`);

/**
 * Returns the name of the host of every node, by node id; empty without `hosts`. Each node that `placement` does not
 * name is placed on the host with the fewest nodes of its role, then the fewest nodes, then the first in the list.
 */
export function placeNodes({ topology, hosts, placement = {} }: Placed): ReadonlyMap<string, string> {
  if (hosts === undefined) return new Map();
  const ids = [
    ...idsOf('redis', topology.masters * (topology.replicas + 1)),
    ...idsOf('sentinel', topology.sentinels),
  ];
  const placed = new Map(ids.flatMap((id) => (placement[id] === undefined ? [] : [[id, placement[id]]])));
  for (const id of ids.filter((id) => !placed.has(id))) {
    const role = id.replace(/-\d+$/, '');
    const load = ({ name }: HostSetting) => {
      const nodes = [...placed].filter(([, host]) => host === name);
      return nodes.filter(([other]) => other.startsWith(role)).length * 100 + nodes.length;
    };
    const [host] = [...hosts].sort((a, b) => load(a) - load(b));
    if (host !== undefined) placed.set(id, host.name);
  }
  // In the order of the nodes, even if `placement` names some of them.
  return new Map(ids.map((id) => [id, placed.get(id) ?? '']));
}

/** Returns the contradictions in `hosts` and `placement`. */
export function hostContradictions(env: Placed): readonly Problem[] {
  const { hosts, placement } = env;
  if (hosts === undefined) {
    if (placement === undefined) return [];
    return [{ path: ['placement'], message: 'must be omitted without hosts' }];
  }
  const found = [...kindProblems(env), ...hostProblems(hosts), ...placementProblems(env, hosts)];
  return found.length > 0 ? found : lossProblems(env, hosts);
}

function kindProblems({ topology: { kind } }: Placed): readonly Problem[] {
  if (kind === 'sentinel') return [];
  const message = `requires topology.kind 'sentinel', got '${kind}': only sentinels move the master to another host`;
  return [{ path: ['hosts'], message }];
}

function hostProblems(hosts: readonly HostSetting[]): readonly Problem[] {
  return hosts.flatMap((host, i) => {
    const at = (key: string, message: string): Problem => ({ path: ['hosts', String(i), key], message });
    const before = hosts.slice(0, i);
    const twin = (key: 'name' | 'engine' | 'address') => before.find((other) => other[key] === host[key]);
    const sameEngine = twin('engine');
    const sameAddress = twin('address');
    const isTcp = host.engine.startsWith('tcp:');
    return [
      ...(twin('name') ? [at('name', `must be unique, got '${host.name}' twice`)] : []),
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

function placementProblems(
  { topology, placement = {} }: Placed,
  hosts: readonly HostSetting[],
): readonly Problem[] {
  const ids = [...idsOf('redis', topology.replicas + 1), ...idsOf('sentinel', topology.sentinels)];
  const names = hosts.map(({ name }) => name);
  return Object.entries(placement).flatMap(([id, host]) => {
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

interface Loss {
  /** A higher number is reported first: lost data, no election, no writes. */
  readonly severity: number;
  readonly what: string;
  readonly remedy: string;
}

function lossesOf({ topology, redis }: Placed, lost: readonly string[]): readonly Loss[] {
  const { sentinels, quorum, replicas } = topology;
  const count = (role: Role) => lost.filter((id) => id.startsWith(role)).length;
  const sentinelsLeft = sentinels - count('sentinel');
  const dataLeft = replicas + 1 - count('redis');
  const majority = Math.floor(sentinels / 2) + 1;
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
