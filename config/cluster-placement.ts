/**
 * Placement of a cluster on several hosts, and the checks of its loss. Pure.
 *
 * The masters vote on every failover, so no host may have so many of them that the others are no majority. The nodes of
 * a shard are on different hosts, so that a copy of its data remains. A promoted replica changes which node is master:
 * `kit status` reports a host that then has too many masters (`scripts/environment-view.ts`).
 */
import { idsOf, type Loss, type Placed, type Problem } from './host-loss.ts';
import { majorityOf } from './majority.ts';

const numberOf = (id: string): number => Number(id.slice(id.indexOf('-') + 1));

/** Returns the number of the shard of a Redis node, from 1: its first master is the node with the same number. */
const shardOf = (id: string, masters: number): number => ((numberOf(id) - 1) % masters) + 1;

/**
 * Returns how unsuitable a host is for a node of a cluster: the host with the lowest number gets the node. A master
 * avoids other masters, a replica avoids its shard. Ties are resolved by the number of nodes; a replica then prefers the
 * host that follows the host of its master, so that the replicas of one host are spread over the others.
 */
export function clusterLoad(
  id: string,
  host: string,
  { topology: { masters }, hosts = [] }: Placed,
  placed: ReadonlyMap<string, string>,
): number {
  const here = [...placed].flatMap(([other, at]) => (at === host ? [other] : []));
  if (numberOf(id) <= masters) {
    return here.filter((other) => numberOf(other) <= masters).length * 1_000 + here.length;
  }
  const shard = shardOf(id, masters);
  const names = hosts.map(({ name }) => name);
  const steps = names.indexOf(host) - names.indexOf(placed.get(`redis-${shard}`) ?? '') - 1;
  const distance = (steps + names.length) % names.length;
  const ofShard = here.filter((other) => shardOf(other, masters) === shard).length;
  return (ofShard * 1_000 + here.length) * 1_000 + distance;
}

/** Returns the consequences of the loss of a host with these nodes. */
export function clusterLosses({ topology, redis }: Placed, lost: readonly string[]): readonly Loss[] {
  const { masters, replicas } = topology;
  const losses: Loss[] = [];
  const majority = majorityOf(masters);
  const most = masters - majority;
  const mastersLeft = masters - lost.filter((id) => numberOf(id) <= masters).length;
  // A cluster of one or two masters is refused elsewhere.
  if (mastersLeft < majority && most > 0) {
    losses.push({
      severity: 2,
      what: `${mastersLeft} of ${masters} masters are left, and ${majority} must agree on a failover`,
      remedy: `place at most ${most} of ${masters} masters on one host, and use at least ${Math.ceil(masters / most)} hosts`,
    });
  }
  const shards = idsOf('redis', masters).map((_, i) => {
    const ids = idsOf('redis', masters * (replicas + 1)).filter((id) => shardOf(id, masters) === i + 1);
    return { ids, left: ids.filter((id) => !lost.includes(id)).length };
  });
  const gone = shards.find(({ left }) => left === 0);
  const { minReplicasToWrite } = redis;
  const readOnly = shards.find(({ ids, left }) => left < ids.length && left - 1 < minReplicasToWrite);
  if (gone !== undefined) {
    losses.push({
      severity: 3,
      what: `no node of the shard ${gone.ids.join(', ')} is left, and its data is lost with the host`,
      remedy: 'place a master and its replicas on different hosts',
    });
  } else if (readOnly !== undefined) {
    const { ids, left } = readOnly;
    losses.push({
      severity: 1,
      what: `the master of the shard ${ids.join(', ')} has ${left - 1} replicas, and with redis.minReplicasToWrite ${minReplicasToWrite} it rejects every write`,
      remedy: `set redis.minReplicasToWrite to at most ${left - 1}, or use more replicas and hosts`,
    });
  }
  return losses;
}

/** Checks the ports of the cluster bus, which the hosts publish. */
export function busPortProblems({ topology, redis, cluster, docker }: Placed): readonly Problem[] {
  const offset = cluster.busPort - redis.port;
  const nodes = topology.masters * (topology.replicas + 1);
  const [first, last] = [docker.ports.redis + offset, docker.ports.redis + offset + nodes - 1];
  if (first >= 1 && last <= 65_535) return [];
  const message = `gives the cluster bus the ports ${first} to ${last} (docker.ports.redis + cluster.busPort - redis.port), which must be from 1 to 65535`;
  return [{ path: ['docker', 'ports', 'redis'], message }];
}
