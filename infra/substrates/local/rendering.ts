/**
 * Renders the files of a node for this context: redis.conf or sentinel.conf, and the users. Reads the two documented
 * base files; writes nothing. The rendered files are written when the node is launched. When a run is recorded, the
 * live node is compared with the rendered files.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { renderRedisAcl, renderSentinelAcl, watchdogUseOf } from '../../redis/conf/acl.ts';
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
import { addressOf, type LocalContext, nodeFiles } from './local-context.ts';

const ROOT = join(import.meta.dirname, '../../..');
const readBase = (name: string) => readFileSync(join(ROOT, name), 'utf8');

/** Renders the files of a Redis node. @param replicaOf address of the master; undefined to start as master */
export function renderRedis(
  context: LocalContext,
  node: RedisNode,
  replicaOf: Address | undefined,
): Rendered {
  return renderRedisConf({
    ...commonContext(context, node),
    node,
    base: readBase('redis-production.conf'),
    cores: availableParallelism(),
    replicaOf,
    bindSource: context.addressing === 'address-per-node',
  });
}

export function renderSentinel(context: LocalContext, node: SentinelNode, master: Address): Rendered {
  return renderSentinelConf({
    ...commonContext(context, node),
    node,
    base: readBase('sentinel.conf'),
    master,
    bindSource: context.addressing === 'address-per-node',
  });
}

export function renderUsers(context: LocalContext, node: TopologyNode): string {
  const { secrets, binary, topology } = context;
  const version = redisCompatibility(serverOf(binary.facts));
  const use = watchdogUseOf(topology);
  return node.role === 'redis'
    ? renderRedisAcl(secrets, topology.environment.client.namespace, version, use)
    : renderSentinelAcl(secrets, version, use);
}

/**
 * Renders the files of every node as they were when it started. Roles are left out, because the current master is a
 * state of the running system.
 */
export function renderAll(context: LocalContext): ReadonlyMap<string, RenderedNode> {
  const [first] = context.topology.redis;
  return new Map(
    nodesOf(context.topology).map((node) => {
      const { text } =
        node.role === 'redis'
          ? renderRedis(context, node, undefined)
          : renderSentinel(context, node, addressOf(context, first?.id ?? node.id));
      return [node.id, { conf: text, users: renderUsers(context, node) }];
    }),
  );
}

function commonContext(context: LocalContext, node: TopologyNode) {
  const { topology, placement, secrets, binary, tls } = context;
  const files = nodeFiles(context, node.id);
  return {
    topology,
    placement,
    facts: binary.facts,
    secrets,
    paths: {
      // Redis reports the real path rather than the configured one: a temporary folder is often a link.
      dir: existsSync(files.data) ? realpathSync(files.data) : files.data,
      aclfile: files.acl,
      pidfile: files.pid,
      ...(tls && { tls: tls.paths }),
    },
  };
}
