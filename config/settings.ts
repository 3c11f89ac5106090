/**
 * Every setting that a file in `config/environments/` may give: its values, its default and its meaning, from which
 * `npm run docs:settings` writes docs/settings.md. Units stand last in every name.
 *
 * Settings that contradict each other are in `contradictions.ts`; `schema.ts` puts both together.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { bytes } from './units.ts';

/** An empty Redis with its buffers; less is a unit forgotten (`512` is 512 bytes). */
const LEAST_MAXMEMORY = 8 * 1024 ** 2;

/**
 * Meaning of a setting, for docs/settings.md: `npm run docs:settings` writes it.
 *
 * @param allowed values in words, where the schema alone does not give them
 */
export const means = (meaning: string, allowed?: string) => ({ meaning, ...(allowed && { allowed }) });

const durationMs = z.number().int().min(1).max(3_600_000);
const port = z.number().int().min(1).max(65_535);
const file = z
  .string()
  .min(1)
  .transform((path) => resolve(path))
  .describe('the path of a PEM file');
const directiveName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a redis.conf directive name, in lower case');

/** Redis nodes of one environment: a block of addresses of either substrate has room for them. */
export const MAX_REDIS_NODES = 10;

/** `async`: Redis's own promise. `{ replicas, timeoutMs }`: acknowledged once that many replicas have it (WAIT). */
export const durabilitySchema = z
  .union([
    z.literal('async'),
    z.strictObject({ replicas: z.number().int().min(1).max(10), timeoutMs: durationMs }),
  ])
  .describe('async, or { replicas: 1 to 10, timeoutMs: 1 to 3600000 }');
export type Durability = z.infer<typeof durabilitySchema>;

export const settingsSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'lower-case letters, digits and dashes, 31 at most')
    .meta(means('Name of the environment: its file, processes, containers and secrets carry it.')),
  purpose: z
    .string()
    .min(10, 'one sentence of at least 10 characters')
    .meta(means('One sentence: what the environment is for.')),
  topology: z
    .strictObject({
      kind: z
        .enum(['single', 'sentinel', 'cluster'])
        .meta(means('One node; a master with replicas under sentinels; or a Redis Cluster.')),
      masters: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(1)
        .meta(means('Masters that share the slots of a cluster; every other kind has one.')),
      replicas: z.number().int().min(0).max(5).meta(means('Replicas of each master.')),
      sentinels: z.number().int().min(0).max(7).meta(means('Sentinel processes; 0 unless kind is sentinel.')),
      quorum: z
        .number()
        .int()
        .min(1)
        .max(7)
        .meta(means('Sentinels that must agree that the master is down before a failover starts.')),
      serviceName: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/, 'letters, digits, dots, dashes and underscores')
        .default('mymaster')
        .meta(means('Name under which the sentinels monitor the master.')),
    })
    .meta(means('Number and roles of the nodes.')),
  redis: z
    .strictObject({
      port: port
        .default(6379)
        .meta(means('First port of the Redis nodes. Nodes that share one address count up from it.')),
      maxmemory: bytes(LEAST_MAXMEMORY).meta(means('Memory limit of each node.')),
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
        .meta(means('When the append-only file is flushed to the disk.')),
      save: z
        .array(z.tuple([z.number().int().min(1), z.number().int().min(1)]))
        .describe('a list of [seconds, changes] pairs such as [[900, 1], [300, 10]], or []')
        .meta(means('Snapshot points as in redis.conf; an empty list turns RDB off.')),
      minReplicasToWrite: z
        .number()
        .int()
        .min(0)
        .max(5)
        .meta(means('Connected replicas below which a master refuses writes.')),
      minReplicasMaxLagSeconds: z
        .number()
        .int()
        .min(1)
        .max(60)
        .default(3)
        .meta(means('Lag above which a replica does not count as connected.')),
      ioThreads: z
        .number()
        .int()
        .min(1)
        .max(16)
        .default(1)
        .meta(means('I/O threads at most; the substrate caps them by the cores of the machine.')),
      replBacklogSize: bytes()
        .prefault('64mb')
        .meta(means('Replication backlog: what a replica may miss and still catch up without a full copy.')),
      activedefrag: z
        .boolean()
        .default(true)
        .meta(means('Active defragmentation; left out, and reported, where the server cannot.')),
      slowlogLogSlowerThanUs: z
        .number()
        .int()
        .min(0)
        .default(10_000)
        .meta(means('Commands slower than this are in SLOWLOG; 0 logs all.')),
      extra: z
        .record(directiveName, z.union([z.string(), z.number().transform(String)]))
        .default({})
        .meta(means('Further directives of redis.conf, verbatim; they are linted and they win.')),
    })
    .meta(means('Settings of every Redis node.')),
  sentinel: z
    .strictObject({
      port: port.default(26379).meta(means('First port of the sentinels.')),
      // Below 500 a moment's stall replaces the master; `5` is seconds meant.
      downAfterMs: durationMs
        .min(500)
        .meta(means('Time without a valid reply after which a sentinel takes a node for down.')),
      failoverTimeoutMs: durationMs
        .min(1_000)
        .meta(means('Sentinel failover-timeout; a failed election is tried again after twice this time.')),
      parallelSyncs: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(1)
        .meta(means('Replicas that resynchronize with a new master at the same time.')),
    })
    .meta(means('Settings of every sentinel.')),
  cluster: z
    .strictObject({
      busPort: port
        .default(16379)
        .meta(means('First port of the cluster bus between the nodes; counts up as redis.port does.')),
      nodeTimeoutMs: durationMs
        .min(100)
        .default(5_000)
        .meta(
          means(
            'Time after which an unreachable master is replaced, and after which one without a majority stops serving.',
          ),
        ),
      requireFullCoverage: z
        .boolean()
        .default(false)
        .meta(means('Whether a slot without a master stops the whole cluster, or only its own keys.')),
    })
    .prefault({})
    .meta(means('Read only where topology.kind is cluster.')),
  security: z
    .strictObject({
      tls: z.boolean().meta(means('TLS on every link: clients, replication, sentinels, cluster bus.')),
      certificates: z
        .strictObject({
          ca: file.meta(means('Certificate of the authority.')),
          cert: file.meta(means('Certificate of the nodes.')),
          key: file.meta(means('Private key of the certificate.')),
        })
        .optional()
        .meta(
          means(
            'PEM files, absolute or relative to the working directory. Absent: the kit makes an authority and certificates.',
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
        .meta(means('First part of every key of the cache.')),
      defaultTtlSeconds: z
        .number()
        .int()
        .min(1)
        .default(3_600)
        .meta(means('Lifetime of an entry whose call gives none.')),
      connectTimeoutMs: durationMs
        .max(5_000)
        .default(1_000)
        .meta(means('Time limit of one connection attempt.')),
      commandTimeoutMs: durationMs.max(5_000).default(1_000).meta(means('Time limit of one command.')),
      supervision: z
        .boolean()
        .default(true)
        .meta(
          means('Whether the client leaves a master that hangs or was deposed. Off only for comparison.'),
        ),
      breaker: z
        .strictObject({
          enabled: z.boolean().default(true).meta(means('Whether the client has a circuit breaker.')),
          threshold: z
            .number()
            .int()
            .min(1)
            .max(1_000)
            .default(5)
            .meta(means('Consecutive failures that open the breaker.')),
          openMs: durationMs.max(60_000).default(60_000).meta(means('Longest time that it stays open.')),
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
        .meta(means('A node that restarts has its data: append-only file or snapshots, flushed.')),
      failover: z
        .boolean()
        .default(true)
        .meta(
          means(
            'The loss of one node does not end the service: quorum, promotable replicas, detection times.',
          ),
        ),
      eviction: z
        .boolean()
        .default(true)
        .meta(
          means(
            'A full node evicts keys of the cache instead of refusing writes or growing without a limit.',
          ),
        ),
      encryption: z
        .boolean()
        .default(true)
        .meta(means('Every link uses TLS, and no node accepts plain text.')),
    })
    .prefault({})
    .meta(
      means(
        'Promises that follow from the purpose: config/gates.yaml scopes criteria by them. A promise that the file leaves out is made, so that no criterion is lost by silence; a file that needs less writes false.',
      ),
    ),
  durability: z
    .strictObject({
      durableWrites: durabilitySchema.meta(
        means('Promise of a durable write: async, or acknowledged once that many replicas have it (WAIT).'),
      ),
      // A window as long as a drill's load would excuse every loss, so there is an end to it.
      asyncLossWindowMs: durationMs
        .max(5_000)
        .default(1_000)
        .meta(means('An async write acknowledged longer than this before a crash must not be lost.')),
    })
    .meta(means('Promises about acknowledged writes.')),
  docker: z
    .strictObject({
      subnet: z
        .string()
        .regex(/^(\d{1,3}\.){3}0\/24$/, 'a /24 network such as 10.96.1.0/24')
        .optional()
        .meta(
          means(
            'Internal data network. Absent: one out of 10.96.0.0/11, chosen by the name of the environment.',
          ),
        ),
      ports: z
        .strictObject({
          redis: port.default(6379).meta(means('First published port of the Redis nodes.')),
          sentinel: port.default(26379).meta(means('First published port of the sentinels.')),
          exporter: port.default(9121).meta(means('Published port of the metrics exporter.')),
          commander: port.default(8081).meta(means('Published port of Redis Commander.')),
        })
        .prefault({})
        .meta(means('Ports published on 127.0.0.1; the nodes of a role count up from the first.')),
      protected: z
        .boolean()
        .default(false)
        .meta(means('Whether destroy refuses unless KIT_ALLOW_DESTROY names the environment.')),
      backend: z
        .strictObject({
          type: z.string().meta(means('Type of the backend, such as s3 or pg.')),
          settings: z.record(z.string(), z.string()).meta(means('Settings of the backend.')),
        })
        .optional()
        .meta(means('Remote Terraform backend. Absent: a local state file.')),
    })
    .prefault({})
    .meta(means('Read only where the environment runs on Docker.')),
});
