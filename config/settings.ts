/**
 * Every setting of a file in `config/environments/`: its values, its default and its meaning. `npm run docs:settings`
 * writes docs/settings.md from them. The name of a setting with a unit ends with the unit.
 *
 * `contradictions.ts` finds settings that contradict each other; `schema.ts` combines both.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { backupSettings } from './backup-settings.ts';
import { hostsSetting, placementSetting } from './host-settings.ts';
import { means } from './meaning.ts';
import { observabilitySettings } from './observability-settings.ts';
import { SERVER_NAME } from './server-name.ts';
import { dockerSubstrateSettings, localSubstrateSettings } from './substrate-settings.ts';
import { bytesSchema } from './units.ts';

/** Memory of an empty Redis with its buffers. A smaller value usually lacks a unit (`512` is 512 bytes). */
const LEAST_MAXMEMORY = 8 * 1024 ** 2;

const durationMs = z.number().int().min(1).max(3_600_000);
const port = z.number().int().min(1).max(65_535);
const file = z
  .string()
  .min(1)
  .transform((path) => resolve(path))
  .describe('the path of a PEM file');
const directiveName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a redis.conf directive name, in lower case');

/**
 * Minimum detection time. With a shorter time, needless second failovers were frequent, even with pings every 100 ms
 * (docs/decisions/080-fast-detection.md).
 */
export const FAST_DOWN_AFTER_MS = 200;
/** Minimum detection time without `sentinel.fast`. With a shorter time, a short stall causes a failover. */
export const STOCK_DOWN_AFTER_MS = 500;

/** Maximum number of Redis nodes per environment, for which the address block of each substrate has room. */
export const MAX_REDIS_NODES = 10;

/**
 * Durability of a write. `async`: the default guarantee of Redis. `{ replicas, timeoutMs }`: acknowledged once this
 * number of replicas has the write (WAIT).
 */
export const durabilitySchema = z
  .union([
    z.literal('async'),
    z.strictObject({ replicas: z.number().int().min(1).max(10), timeoutMs: durationMs }),
  ])
  .describe('async, or { replicas: 1 to 10, timeoutMs: 1 to 3600000 }');
export type Durability = z.infer<typeof durabilitySchema>;

/** Name of an environment. The schema has no description, so that a schema that contains it can add its own. */
export const environmentName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'at most 31 lower-case letters, digits and dashes');

export const settingsSchema = z.strictObject({
  name: environmentName.meta(
    means('Name of the environment, used for its file, processes, containers and secrets.'),
  ),
  purpose: z
    .string()
    .min(10, 'one sentence of at least 10 characters')
    .meta(means('Purpose of the environment, in one sentence.')),
  topology: z
    .strictObject({
      kind: z
        .enum(['single', 'sentinel', 'cluster'])
        .meta(means('Topology: one node, a master and replicas with sentinels, or a Redis Cluster.')),
      masters: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(1)
        .meta(means('Number of masters of a cluster; 1 for every other kind.')),
      replicas: z.number().int().min(0).max(5).meta(means('Number of replicas per master.')),
      sentinels: z
        .number()
        .int()
        .min(0)
        .max(7)
        .meta(means('Number of sentinels; 0 unless kind is sentinel.')),
      quorum: z
        .number()
        .int()
        .min(1)
        .max(7)
        .meta(means('Number of sentinels that must agree that the master is down before a failover starts.')),
      serviceName: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/, 'letters, digits, dots, dashes and underscores')
        .default('mymaster')
        .meta(means('Name under which the sentinels monitor the master.')),
    })
    .meta(means('Number and roles of the nodes.')),
  redis: z
    .strictObject({
      server: z
        .string()
        .regex(SERVER_NAME)
        .describe('redis@ or valkey@ with a version, such as redis@8.2 or valkey@9.0.1')
        .optional()
        .meta(
          means(
            'Server of the Redis nodes and sentinels. A version without a patch release includes all of its patch releases. If omitted: on Docker the version of the images, locally the first server program that is found. `kit apply` changes it node by node.',
          ),
        ),
      port: port
        .default(6379)
        .meta(means('First port of the Redis nodes. Nodes that share one address use consecutive ports.')),
      maxmemory: bytesSchema(LEAST_MAXMEMORY).meta(means('Memory limit per node.')),
      maxmemoryPolicy: z
        .enum([
          'noeviction',
          'allkeys-lru',
          'allkeys-lfu',
          'allkeys-random',
          'volatile-lru',
          'volatile-lfu',
          'volatile-random',
          'volatile-ttl',
        ])
        .meta(means('Eviction policy of a node at its memory limit.')),
      appendonly: z.boolean().meta(means('Whether nodes write an append-only file.')),
      appendfsync: z
        .enum(['always', 'everysec', 'no'])
        .default('everysec')
        .meta(means('Flush policy of the append-only file.')),
      save: z
        .array(z.tuple([z.number().int().min(1), z.number().int().min(1)]))
        .describe('a list of [seconds, changes] pairs such as [[900, 1], [300, 10]], or []')
        .meta(means('Save points as in redis.conf; an empty list disables RDB snapshots.')),
      minReplicasToWrite: z
        .number()
        .int()
        .min(0)
        .max(5)
        .meta(means('Minimum number of connected replicas; with fewer, a master rejects writes.')),
      minReplicasMaxLagSeconds: z
        .number()
        .int()
        .min(1)
        .max(60)
        .default(3)
        .meta(means('Maximum lag of a replica that counts as connected.')),
      ioThreads: z
        .number()
        .int()
        .min(1)
        .max(16)
        .default(1)
        .meta(
          means(
            'Maximum number of I/O threads; the substrate reduces it to the number of CPU cores less one, and to 1 below 4 cores.',
          ),
        ),
      replBacklogSize: bytesSchema()
        .prefault('64mb')
        .meta(
          means(
            'Size of the replication backlog: a replica that misses no more than this catches up without a full synchronization.',
          ),
        ),
      activedefrag: z
        .boolean()
        .default(true)
        .meta(means('Active defragmentation; omitted and reported if the server does not support it.')),
      slowlogLogSlowerThanUs: z
        .number()
        .int()
        .min(0)
        .default(10_000)
        .meta(means('Minimum duration of a command that is logged in SLOWLOG; 0 logs all commands.')),
      extra: z
        .record(directiveName, z.union([z.string(), z.number().transform(String)]))
        .default({})
        .meta(means('Additional redis.conf directives, verbatim; they are linted and take precedence.')),
    })
    .meta(means('Settings of every Redis node.')),
  sentinel: z
    .strictObject({
      port: port.default(26379).meta(means('First sentinel port.')),
      // A value such as `5` is probably meant in seconds.
      downAfterMs: durationMs
        .min(FAST_DOWN_AFTER_MS)
        .meta(
          means(
            'Time without a valid reply after which a sentinel considers a node down; below 500 only with sentinel.fast.',
          ),
        ),
      fast: z
        .boolean()
        .default(false)
        .meta(
          means(
            'Whether downAfterMs may be from 200 to 499. The sentinels then ping every 100 ms, and the client suspects a silent master after half of downAfterMs. The cost: a stall of the machine or of the network that lasts longer than downAfterMs causes a needless failover.',
          ),
        ),
      failoverTimeoutMs: durationMs
        .min(1_000)
        .meta(
          means('Sentinel failover-timeout; an election without a winner is repeated after twice this time.'),
        ),
      parallelSyncs: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(1)
        .meta(means('Number of replicas that synchronize with a new master at the same time.')),
      watchdog: z
        .boolean()
        .default(true)
        .meta(
          means(
            'Whether a watchdog process demotes a deposed master to a replica immediately. Without it Sentinel does so about 10 s later.',
          ),
        ),
      pingPeriodMs: durationMs
        .min(50)
        .max(1_000)
        .optional()
        .meta(
          means(
            'Interval of the pings of the sentinels, which the watchdog sets (SENTINEL DEBUG PING-PERIOD, Redis 7.0 or newer) and sets again after their restart. If omitted, 1 s; with sentinel.fast 100.',
          ),
        ),
    })
    .meta(means('Settings of every sentinel.')),
  cluster: z
    .strictObject({
      busPort: port
        .default(16379)
        .meta(means('First port of the cluster bus; nodes that share one address use consecutive ports.')),
      nodeTimeoutMs: durationMs
        .min(100)
        .default(5_000)
        .meta(
          means(
            'Time after which an unreachable master is replaced, and after which a master without a majority stops serving.',
          ),
        ),
      requireFullCoverage: z
        .boolean()
        .default(false)
        .meta(
          means('Whether a slot without a master makes the whole cluster unavailable, or only its own keys.'),
        ),
    })
    .prefault({})
    .meta(means('Cluster settings, used only if topology.kind is cluster.')),
  security: z
    .strictObject({
      tls: z.boolean().meta(means('TLS for all connections: clients, replication, sentinels, cluster bus.')),
      certificates: z
        .strictObject({
          ca: file.meta(
            means(
              'Certificates of the authorities that nodes and clients trust: one, or the previous and the new one while the authority changes.',
            ),
          ),
          cert: file.meta(
            means('Certificate of the nodes, followed by intermediate certificates, if there are any.'),
          ),
          key: file.meta(means('Private key of the certificate.')),
        })
        .optional()
        .meta(
          means(
            'PEM files, absolute or relative to the working directory. kit apply replaces the certificates of a running environment after a file has changed. If omitted, the kit creates a certificate authority and certificates.',
          ),
        ),
    })
    .meta(means('Transport security.')),
  client: z
    .strictObject({
      namespace: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, dashes and underscores')
        .default('cache')
        .meta(means('Prefix of every key of the cache.')),
      defaultTtlSeconds: z
        .number()
        .int()
        .min(1)
        .default(3_600)
        .meta(means('TTL of entries that are written without one.')),
      connectTimeoutMs: durationMs.max(5_000).default(1_000).meta(means('Timeout of a connection attempt.')),
      commandTimeoutMs: durationMs.max(5_000).default(1_000).meta(means('Timeout of a command.')),
      hangSuspectedMs: durationMs
        .min(10)
        .max(5_000)
        .optional()
        .meta(
          means(
            'Time without a reply after which the client suspects that its master is hung. If omitted, 150; with sentinel.fast at most half of sentinel.downAfterMs.',
          ),
        ),
      supervision: z
        .boolean()
        .default(true)
        .meta(
          means(
            'Whether the client leaves a master that hangs or was demoted. Disable it only for comparisons.',
          ),
        ),
      breaker: z
        .strictObject({
          enabled: z.boolean().default(true).meta(means('Whether the circuit breaker is enabled.')),
          threshold: z
            .number()
            .int()
            .min(1)
            .max(1_000)
            .default(5)
            .meta(means('Number of consecutive failures that open the breaker.')),
          openMs: durationMs
            .max(60_000)
            .default(60_000)
            .meta(means('Maximum time that the breaker stays open.')),
        })
        .prefault({})
        .meta(means('Circuit breaker of the client.')),
    })
    .meta(means('Settings of the cache client.')),
  promises: z
    .strictObject({
      persistence: z
        .boolean()
        .default(true)
        .meta(means('A restarted node has its data: append-only file or snapshots, flushed to disk.')),
      failover: z
        .boolean()
        .default(true)
        .meta(
          means('The service survives the loss of one node: quorum, promotable replicas, detection times.'),
        ),
      eviction: z
        .boolean()
        .default(true)
        .meta(means('A full node evicts keys instead of rejecting writes or growing without a limit.')),
      encryption: z
        .boolean()
        .default(true)
        .meta(means('Every connection uses TLS, and no node accepts plain text.')),
    })
    .prefault({})
    .meta(
      means(
        'Promises of the environment; config/gates.yaml uses them as the scope of criteria. An omitted promise defaults to true, so no criterion is dropped by omission; set it to false to drop the promise.',
      ),
    ),
  durability: z
    .strictObject({
      durableWrites: durabilitySchema.meta(
        means(
          'Durability of a durable write: async, or acknowledged once the given number of replicas has the write (WAIT).',
        ),
      ),
      // The window is limited, because a window as long as a drill's load phase would permit any loss.
      asyncLossWindowMs: durationMs
        .max(5_000)
        .default(1_000)
        .meta(
          means(
            'A crash may lose only `async` writes that were acknowledged within this time before the crash.',
          ),
        ),
    })
    .meta(means('Durability of acknowledged writes.')),
  observability: observabilitySettings,
  backup: backupSettings,
  hosts: hostsSetting,
  placement: placementSetting,
  local: localSubstrateSettings,
  docker: dockerSubstrateSettings,
});
