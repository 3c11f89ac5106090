/**
 * Whether the nodes have the roles of a healthy topology at the start and at the end of a run: there is one master, all
 * other nodes are its replicas with their links up, and every sentinel has the same view; in a cluster, each shard has
 * one master with its replicas, and every slot is served.
 */
import { parseClusterNodes, slotOwners } from '../../../infra/redis/cluster-nodes.ts';
import { CLUSTER_SLOTS } from '../../../infra/topology.ts';
import type { Checker } from '../checker.ts';
import { type NodeView, nodeFacts, nodeIds } from './facts.ts';
import { findingOf, type RuleContext, type Wrong, withAdvice } from './finding.ts';
import { watchedMaster } from './sentinel.ts';

export const roles: Checker = {
  id: 'roles',
  proves:
    'there is one master for each set of slots, every other node is its replica, and all sentinels report the same master',
  check(history, context) {
    const facts = nodeFacts(history);
    const outer = facts.probes.filter(({ when }) => when !== 'between');
    const judged = outer.map((probe) => {
      const about = { ...context, facts, probe };
      const views = nodeIds('redis', context, facts).map((id): NodeView => probe.nodes.get(id) ?? { id });
      const sentinels = nodeIds('sentinel', context, facts).map(
        (id): NodeView => probe.nodes.get(id) ?? { id },
      );
      return { probe, ...judgeRoles(views, sentinels, about) };
    });
    const absent = (['start', 'end'] as const).filter((when) => !outer.some((probe) => probe.when === when));
    const finding = findingOf(
      judged.flatMap(({ wrong, probe }) => wrong.map((each) => ({ ...each, probe }))),
      judged.reduce((sum, { checked }) => sum + checked, 0),
      [
        ...absent.map((when) => `the nodes were not queried at the ${when} of the run`),
        ...judged.flatMap(({ missing, probe }) => missing.map((what) => `${what} (${probe.when})`)),
      ],
    );
    return withAdvice(finding, context);
  },
};

interface JudgedRoles {
  readonly wrong: readonly Wrong[];
  readonly missing: readonly string[];
  readonly checked: number;
}

function judgeRoles(
  views: readonly NodeView[],
  sentinels: readonly NodeView[],
  about: RuleContext,
): JudgedRoles {
  const { topology } = about.environment;
  const missing = [
    ...views
      .filter(({ clusterNodes }) => topology.kind === 'cluster' && clusterNodes === undefined)
      .map(({ id }) => `${id} did not answer CLUSTER NODES`),
    ...views.filter(({ role }) => role === undefined).map(({ id }) => `${id} did not answer ROLE`),
    ...sentinels
      .filter(({ masters }) => masters === undefined)
      .map(({ id }) => `${id} did not answer SENTINEL MASTERS`),
  ];
  const wrong = [
    ...checkMasters(views, topology.kind === 'cluster' ? topology.masters : 1),
    ...checkLinks(views),
    // The number of replicas that an external master should have is unknown.
    ...(about.substrate === 'external' ? [] : checkReplicas(views, topology.replicas)),
    ...(topology.kind === 'cluster'
      ? checkSlots(views)
      : [...namedMasters(sentinels, about), ...otherMasters(views, about)]),
  ];
  return { wrong, missing, checked: views.length + sentinels.length };
}

function checkMasters(views: readonly NodeView[], wanted: number): readonly Wrong[] {
  const found = views.filter(({ role }) => role?.get('role') === 'master').map(({ id }) => id);
  const known = views.filter(({ role }) => role !== undefined);
  // If a node did not answer, that node may be the missing master.
  if (found.length === wanted || (found.length < wanted && known.length < views.length)) return [];
  return [
    {
      node: found.join(' and ') || 'no node',
      what: 'ROLE',
      live: `${found.length} masters`,
      wanted: `${wanted}`,
      reason: 'writes to one of two masters are lost when the other one remains master',
      remedy: `${found.length} nodes report ROLE master, expected ${wanted}: run REPLICAOF on those that the sentinels do not report (docs/runbook.md).`,
    },
  ];
}

function checkLinks(views: readonly NodeView[]): readonly Wrong[] {
  return views.flatMap(({ id, role }): Wrong[] => {
    const link = role?.get('link');
    if (link === undefined || link === 'connected') return [];
    return [
      {
        node: id,
        what: 'the link to its master',
        live: link,
        wanted: 'connected',
        reason: 'the replica falls behind, and a failover to it loses the writes that it does not have',
        remedy: `its link to the master is '${link}': look at masteruser, masterauth and the node log.`,
      },
    ];
  });
}

/** Returns the masters that have fewer or more replicas than planned. */
function checkReplicas(views: readonly NodeView[], wanted: number): readonly Wrong[] {
  return views.flatMap(({ id, role }): Wrong[] => {
    const live = role?.get('replicas');
    if (live === undefined || live === String(wanted)) return [];
    return [
      {
        node: id,
        what: 'its replicas',
        live,
        wanted: String(wanted),
        reason:
          'with fewer replicas, it has no successor or refuses durable writes; with more, one does not belong to the environment',
        remedy: `it has ${live} replicas, expected ${wanted}: INFO replication on the node lists them.`,
      },
    ];
  });
}

/** Returns the replicas that follow an address other than the master's: an unknown server, or another replica. */
function otherMasters(views: readonly NodeView[], { facts }: RuleContext): readonly Wrong[] {
  const announced = views
    .filter(({ role }) => role?.get('role') === 'master')
    .flatMap(({ id }) => {
      const files = facts.rendered.get(id)?.directives;
      const host = files?.get('replica-announce-ip');
      return host === undefined ? [] : [`${host}:${files?.get('replica-announce-port')}`];
    });
  const [master] = announced;
  if (master === undefined || announced.length > 1) return [];
  return views.flatMap(({ id, role }): Wrong[] => {
    if (role === undefined || role.get('role') === 'master') return [];
    const live = `${role.get('host')}:${role.get('port')}`;
    if (live === master) return [];
    return [
      {
        node: id,
        what: 'replicaof',
        live,
        wanted: master,
        reason: 'the replica does not copy from the master: a failover to it loses writes of the master',
        remedy: `it follows ${live}, the master is ${master}: run REPLICAOF ${master.replace(':', ' ')}.`,
      },
    ];
  });
}

function namedMasters(sentinels: readonly NodeView[], about: RuleContext): readonly Wrong[] {
  const named = sentinels.flatMap((view) => {
    const master = watchedMaster(view, about);
    return master === undefined
      ? []
      : [
          {
            id: view.id,
            address: `${master.get('ip')}:${master.get('port')}`,
            flags: master.get('flags') ?? '',
          },
        ];
  });
  const [first] = named;
  return named.flatMap(({ id, address, flags }): Wrong[] => {
    const same = address === first?.address;
    if (same && flags === 'master') return [];
    return [
      {
        node: id,
        what: 'its master',
        live: `${address} (${flags})`,
        wanted: `${first?.address} (master)`,
        reason:
          'sentinels that report another master, or a master that is down, send clients to the wrong node',
        remedy: `it reports ${address} (${flags}): wait for the failover to end, or restart it with its rendered file.`,
      },
    ];
  });
}

function checkSlots(views: readonly NodeView[]): readonly Wrong[] {
  return views.flatMap(({ id, clusterNodes }): Wrong[] => {
    if (clusterNodes === undefined) return [];
    // The sampler keeps all fields of a line except the two ping times.
    const text = [...clusterNodes].map(([node, rest]) => {
      const [address, flags, master, epoch, link, ...ranges] = rest.split(' ');
      return [node, address, flags, master, 0, 0, epoch, link, ...ranges].join(' ');
    });
    const served = slotOwners(parseClusterNodes(text.join('\n'))).filter(
      (owner) => owner !== undefined,
    ).length;
    const open = [...clusterNodes.values()].filter((line) => line.includes('[')).length;
    if (served === CLUSTER_SLOTS) return open === 0 ? [] : [halfMoved(id, open)];
    return [
      {
        node: id,
        what: 'slots with an owner',
        live: String(served),
        wanted: String(CLUSTER_SLOTS),
        reason: 'keys of the other slots cannot be read or written',
        remedy: `it reports an owner for ${served} slots, expected ${CLUSTER_SLOTS}: CLUSTER NODES shows the slots without an owner.`,
      },
    ];
  });
}

function halfMoved(node: string, open: number): Wrong {
  return {
    node,
    what: 'slots in migration',
    live: `of ${open} nodes`,
    wanted: 'none',
    reason: 'an unfinished migration redirects clients between two masters',
    remedy:
      'it has slots in migration: finish the migration, or run CLUSTER SETSLOT with STABLE on both masters.',
  };
}
