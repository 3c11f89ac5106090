/**
 * What a file in `config/environments/` may say, and the frozen values it becomes.
 *
 * Units stand last in every name. Defaults are resolved here once; nothing downstream asks "or else".
 * Left out: reading files and variables (`load.ts`, `env.ts`), and every derived number that needs the machine
 * (io-threads capped by its cores, addresses): that is the topology's.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { bytes } from './units.ts';

/** An empty Redis with its buffers; less is a unit forgotten (`512` is 512 bytes). */
const LEAST_MAXMEMORY = 8 * 1024 ** 2;

const durationMs = z.number().int().min(1).max(3_600_000);
const port = z.number().int().min(1).max(65_535);
const file = z
  .string()
  .min(1)
  .transform((path) => resolve(path))
  .describe('the path of a PEM file');
const directiveName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'a redis.conf directive name, in lower case');

/** What one block of addresses has room for, on either substrate. */
const MOST_REDIS_NODES = 10;

/** `async`: Redis's own promise. `{ replicas, timeoutMs }`: acknowledged once that many replicas have it (WAIT). */
export const durabilitySchema = z
  .union([
    z.literal('async'),
    z.strictObject({ replicas: z.number().int().min(1).max(10), timeoutMs: durationMs }),
  ])
  .describe('async, or { replicas: 1 to 10, timeoutMs: 1 to 3600000 }');
export type Durability = z.infer<typeof durabilitySchema>;

export const environmentSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'lower-case letters, digits and dashes, 31 at most'),
    /** One sentence: what the environment is for. */
    purpose: z.string().min(10, 'one sentence of at least 10 characters'),
    topology: z.strictObject({
      kind: z.enum(['single', 'sentinel', 'cluster']),
      /** Masters that share the slots of a cluster; every other kind has one. */
      masters: z.number().int().min(1).max(5).default(1),
      /** Of each master. */
      replicas: z.number().int().min(0).max(5),
      sentinels: z.number().int().min(0).max(7),
      quorum: z.number().int().min(1).max(7),
      serviceName: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/, 'letters, digits, dots, dashes and underscores')
        .default('mymaster'),
    }),
    redis: z.strictObject({
      /** First port where every node has its own address; with one address for all, nodes count up from here. */
      port: port.default(6379),
      maxmemory: bytes(LEAST_MAXMEMORY),
      maxmemoryPolicy: z.enum([
        'noeviction',
        'allkeys-lru',
        'allkeys-lfu',
        'allkeys-random',
        'volatile-lru',
        'volatile-lfu',
        'volatile-random',
        'volatile-ttl',
      ]),
      appendonly: z.boolean(),
      appendfsync: z.enum(['always', 'everysec', 'no']).default('everysec'),
      /** Snapshot points as redis.conf writes them: `[[900, 1], [300, 10]]`; `[]` turns RDB off. */
      save: z
        .array(z.tuple([z.number().int().min(1), z.number().int().min(1)]))
        .describe('a list of [seconds, changes] pairs such as [[900, 1], [300, 10]], or []'),
      minReplicasToWrite: z.number().int().min(0).max(5),
      minReplicasMaxLagSeconds: z.number().int().min(1).max(60).default(3),
      /** At most; the substrate caps it by the cores of the machine. */
      ioThreads: z.number().int().min(1).max(16).default(1),
      replBacklogSize: bytes().prefault('64mb'),
      /** Wanted; left out, and said so, where the binary cannot. */
      activedefrag: z.boolean().default(true),
      slowlogLogSlowerThanUs: z.number().int().min(0).default(10_000),
      /** Further directives, verbatim; the lint sees them too. */
      extra: z.record(directiveName, z.union([z.string(), z.number().transform(String)])).default({}),
    }),
    sentinel: z.strictObject({
      port: port.default(26379),
      /** Below 500 a moment's stall replaces the master; `5` is seconds meant. */
      downAfterMs: durationMs.min(500),
      failoverTimeoutMs: durationMs.min(1_000),
      parallelSyncs: z.number().int().min(1).max(5).default(1),
    }),
    /** Read only where `topology.kind` is `cluster`; every value has a default. */
    cluster: z
      .strictObject({
        /** First port of the cluster bus, on which nodes speak to each other; counts up as `redis.port` does. */
        busPort: port.default(16379),
        /** A master that is away for so long is replaced; one that sees no majority for so long stops taking commands. */
        nodeTimeoutMs: durationMs.min(100).default(5_000),
        /** Whether a slot without a master stops the whole cluster, or only its own keys. */
        requireFullCoverage: z.boolean().default(false),
      })
      .prefault({}),
    security: z.strictObject({
      /** TLS on every link: clients, replication, sentinels, cluster bus. */
      tls: z.boolean(),
      /** Files in PEM form, absolute or relative to the working directory. Absent: the kit makes an authority and certificates. */
      certificates: z.strictObject({ ca: file, cert: file, key: file }).optional(),
    }),
    client: z.strictObject({
      namespace: z
        .string()
        .regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, dashes and underscores')
        .default('cache'),
      defaultTtlSeconds: z.number().int().min(1).default(3_600),
      connectTimeoutMs: durationMs.max(5_000).default(1_000),
      commandTimeoutMs: durationMs.max(5_000).default(1_000),
      /** Whether the client watches its connection (moves off a hung master). Off only to show why it is on. */
      supervision: z.boolean().default(true),
      breaker: z
        .strictObject({
          enabled: z.boolean().default(true),
          threshold: z.number().int().min(1).max(1_000).default(5),
          openMs: durationMs.max(60_000).default(60_000),
        })
        .prefault({}),
    }),
    /**
     * Promises that follow from the purpose: config/gates.yaml scopes criteria by them. A promise that the file leaves out is made,
     * so that no criterion is lost by silence; a file that needs less writes `false`.
     */
    promises: z
      .strictObject({
        /** A node that restarts has its data: append-only file or snapshots, flushed. */
        persistence: z.boolean().default(true),
        /** The loss of one node does not end the service: quorum, promotable replicas, detection times. */
        failover: z.boolean().default(true),
        /** A full node evicts keys of the cache instead of refusing writes or growing without a limit. */
        eviction: z.boolean().default(true),
        /** Every link uses TLS, and no node accepts plain text. */
        encryption: z.boolean().default(true),
      })
      .prefault({}),
    durability: z.strictObject({
      /** What a durable write of this environment promises; `async` where nobody asked for more. */
      durableWrites: durabilitySchema,
      /**
       * The stated bound: an `async` write acknowledged longer than this before a crash must not be lost. A window as long as a
       * drill's load would excuse every loss, so there is an end to it.
       */
      asyncLossWindowMs: durationMs.max(5_000).default(1_000),
    }),
    /** Read only where the environment runs on Docker; every value has a default. */
    docker: z
      .strictObject({
        /** Of the internal data network, a /24. Absent: one out of 10.96.0.0/11, chosen by the environment's name. */
        subnet: z
          .string()
          .regex(/^(\d{1,3}\.){3}0\/24$/, 'a /24 network such as 10.96.1.0/24')
          .optional(),
        /** Published on 127.0.0.1; the nodes of a role count up from the first. */
        ports: z
          .strictObject({
            redis: port.default(6379),
            sentinel: port.default(26379),
            exporter: port.default(9121),
            commander: port.default(8081),
          })
          .prefault({}),
        /** `destroy` refuses unless KIT_ALLOW_DESTROY names the environment. */
        protected: z.boolean().default(false),
        /** A remote Terraform backend (`s3`, `pg`, …) with its settings; absent: a local state file. */
        backend: z.strictObject({ type: z.string(), settings: z.record(z.string(), z.string()) }).optional(),
      })
      .prefault({}),
  })
  .superRefine((env, context) => {
    for (const problem of contradictions(env as EnvironmentConfig)) {
      context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message });
    }
  });

/** One environment, validated; frozen by `load.ts`. */
export type EnvironmentConfig = z.infer<typeof environmentSchema>;

/** The names that `scope.promises` of config/gates.yaml may use. */
export const PROMISES = ['persistence', 'failover', 'eviction', 'encryption', 'durability'] as const;
export type PromiseName = (typeof PROMISES)[number];

/** Promises that an environment makes. `durability` is not stated twice: it is made where `durability.durableWrites` names replicas. */
export function promisesOf({ promises, durability }: EnvironmentConfig): ReadonlySet<PromiseName> {
  const stated = { ...promises, durability: typeof durability.durableWrites === 'object' };
  return new Set(PROMISES.filter((name) => stated[name]));
}

/** What single values cannot show: settings that contradict each other so that the environment could never work. */
function contradictions(env: EnvironmentConfig): readonly { path: readonly string[]; message: string }[] {
  const found: { path: string[]; message: string }[] = [];
  const { kind, replicas, sentinels, quorum } = env.topology;
  if (!env.security.tls && env.security.certificates !== undefined) {
    found.push({
      path: ['security', 'certificates'],
      message: "given, but 'security.tls' is false: nobody would use them; allowed: none, or tls: true",
    });
  }
  if (kind === 'sentinel' && quorum > sentinels) {
    found.push({
      path: ['topology', 'quorum'],
      message: `'${quorum}' is above the number of sentinels (${sentinels}): no failover could ever start; allowed: 1 to ${sentinels}`,
    });
  }
  if (kind === 'sentinel' && (replicas < 1 || sentinels < 1)) {
    found.push({
      path: ['topology', 'kind'],
      message: `'sentinel' needs at least one replica and one sentinel; here: ${replicas} and ${sentinels}`,
    });
  }
  if (kind === 'single' && (replicas > 0 || sentinels > 0)) {
    found.push({
      path: ['topology', 'kind'],
      message: `'single' has no replicas and no sentinels; here: ${replicas} and ${sentinels}`,
    });
  }
  found.push(...clusterContradictions(env));
  if (env.redis.minReplicasToWrite > replicas) {
    found.push({
      path: ['redis', 'minReplicasToWrite'],
      message: `'${env.redis.minReplicasToWrite}' is above the number of replicas (${replicas}): no write would ever be taken; allowed: 0 to ${replicas}`,
    });
  }
  const durable = env.durability.durableWrites;
  if (durable !== 'async' && durable.replicas > replicas) {
    found.push({
      path: ['durability', 'durableWrites', 'replicas'],
      message: `'${durable.replicas}' is above the number of replicas (${replicas}): no durable write would ever be confirmed; allowed: async, or 1 to ${replicas} replicas`,
    });
  }
  if (
    kind === 'sentinel' &&
    env.redis.port <= env.sentinel.port + sentinels - 1 &&
    env.sentinel.port <= env.redis.port + replicas
  ) {
    found.push({
      path: ['sentinel', 'port'],
      message: `'${env.sentinel.port}' runs into the ports of the Redis nodes (${env.redis.port} to ${env.redis.port + replicas}) where all share one address; allowed: a port whose next ${sentinels} are free`,
    });
  }
  return found;
}

/** Of a cluster's size, and of its ports where all nodes share one address. */
function clusterContradictions(env: EnvironmentConfig): { path: string[]; message: string }[] {
  const { kind, masters, replicas, sentinels } = env.topology;
  const found: { path: string[]; message: string }[] = [];
  if (kind !== 'cluster') {
    if (masters === 1) return [];
    const message = `'${masters}' masters need a cluster, here '${kind}'; allowed: 1`;
    return [{ path: ['topology', 'masters'], message }];
  }
  if (masters < 3 || replicas < 1 || sentinels > 0) {
    found.push({
      path: ['topology', 'kind'],
      message: `'cluster' needs at least three masters (two cannot agree that one has failed), a replica of each and no sentinels; here: ${masters}, ${replicas} and ${sentinels}`,
    });
  }
  const nodes = masters * (1 + replicas);
  if (nodes > MOST_REDIS_NODES) {
    found.push({
      path: ['topology', 'masters'],
      message: `'${masters}' masters with ${replicas} replicas each are ${nodes} nodes; allowed: ${MOST_REDIS_NODES} in all`,
    });
  }
  const { port: first } = env.redis;
  const { busPort } = env.cluster;
  if (first < busPort + nodes && busPort < first + nodes) {
    found.push({
      path: ['cluster', 'busPort'],
      message: `'${busPort}' runs into the ports of the Redis nodes (${first} to ${first + nodes - 1}) where all share one address; allowed: a port whose next ${nodes} are free`,
    });
  }
  if (busPort + nodes - 1 > 65_535) {
    const message = `'${busPort}' leaves no ${nodes} ports; allowed: 1 to ${65_536 - nodes}`;
    found.push({ path: ['cluster', 'busPort'], message });
  }
  return found;
}
