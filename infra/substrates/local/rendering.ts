/**
 * Texts of a node's files for this site: redis.conf or sentinel.conf, and the users. Reads the two documented base
 * files; writes nothing. The launch writes these texts, and the record of a run compares the live node with them.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { renderRedisAcl, renderSentinelAcl } from '../../redis/conf/acl.ts';
import { type Rendered, renderRedisConf } from '../../redis/conf/redis-conf.ts';
import { renderSentinelConf } from '../../redis/conf/sentinel-conf.ts';
import { serverOf } from '../../redis/server-capabilities.ts';
import { redisCompatibility } from '../../redis/server-version.ts';
import {
  type Address,
  nodesOf,
  type RedisNode,
  type SentinelNode,
  type TopologyNode,
} from '../../topology.ts';
import type { RenderedNode } from '../environment.ts';
import { addressOf, nodeFiles, type Site } from './local-context.ts';

const ROOT = join(import.meta.dirname, '../../..');
const readBase = (name: string) => readFileSync(join(ROOT, name), 'utf8');

/** @param replicaOf undefined: start as master */
export function renderRedis(site: Site, node: RedisNode, replicaOf: Address | undefined): Rendered {
  return renderRedisConf({
    ...common(site, node),
    node,
    base: readBase('redis-production.conf'),
    cores: availableParallelism(),
    replicaOf,
    bindSource: site.addressing === 'address-per-node',
  });
}

export function renderSentinel(site: Site, node: SentinelNode, master: Address): Rendered {
  return renderSentinelConf({
    ...common(site, node),
    node,
    base: readBase('sentinel.conf'),
    master,
    bindSource: site.addressing === 'address-per-node',
  });
}

export function renderUsers(site: Site, node: TopologyNode): string {
  const { secrets, binary, topology } = site;
  const version = redisCompatibility(serverOf(binary.facts));
  return node.role === 'redis'
    ? renderRedisAcl(secrets, topology.environment.client.namespace, version)
    : renderSentinelAcl(secrets, version);
}

/** Texts of every node as started. Roles are left out: the current master is a state of the running system. */
export function renderAll(site: Site): ReadonlyMap<string, RenderedNode> {
  const [first] = site.topology.redis;
  return new Map(
    nodesOf(site.topology).map((node) => {
      const { text } =
        node.role === 'redis'
          ? renderRedis(site, node, undefined)
          : renderSentinel(site, node, addressOf(site, first?.id ?? node.id));
      return [node.id, { conf: text, users: renderUsers(site, node) }];
    }),
  );
}

function common(site: Site, node: TopologyNode) {
  const { topology, placement, secrets, binary, tls } = site;
  const files = nodeFiles(site, node.id);
  return {
    topology,
    placement,
    facts: binary.facts,
    secrets,
    paths: {
      // Redis reports the real path and not the configured one: a temporary folder is often a link.
      dir: existsSync(files.data) ? realpathSync(files.data) : files.data,
      aclfile: files.acl,
      pidfile: files.pid,
      ...(tls && { tls: tls.paths }),
    },
  };
}
