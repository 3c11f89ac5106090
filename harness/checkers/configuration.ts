/**
 * What the resolved configuration alone says about an environment, without a drill: settings with which no amount of luck in
 * the drills makes it safe. Each figure is 1 where the setting is right and 0 where it is not, with the reason.
 *
 * `redis.extra` is written to redis.conf last and wins, so it is asked first.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Checker } from './checker.ts';
import { value } from './selection.ts';

interface Judgement {
  readonly right: boolean;
  /** What is wrong, naming the setting and its value. */
  readonly flaw: string;
}

/** An environment that a single further loss must not stop needs this many sentinels. */
const FEWEST_SENTINELS = 3;

const RULES: Readonly<Record<string, (env: EnvironmentConfig) => Judgement>> = {
  persistence: (env) => {
    const appendonly = env.redis.extra.appendonly ?? (env.redis.appendonly ? 'yes' : 'no');
    const save = env.redis.extra.save ?? env.redis.save.flat().join(' ');
    return {
      right: appendonly === 'yes' || save.replaceAll('"', '').trim() !== '',
      flaw: 'redis.appendonly is false and redis.save is empty: a restart loses everything, and an empty master wipes its replicas',
    };
  },
  quorumSurvivesLoss: ({ topology: { sentinels, quorum } }) => ({
    right:
      sentinels >= FEWEST_SENTINELS &&
      quorum >= 2 &&
      quorum <= sentinels - 1 &&
      majority(sentinels) <= sentinels - 1,
    flaw: `topology.quorum is ${quorum} of ${sentinels} sentinels: ${quorumFlaw(sentinels, quorum)}`,
  }),
  durableWritesBacked: (env) => {
    const { durableWrites } = env.durability;
    const minReplicas = Number(env.redis.extra['min-replicas-to-write'] ?? env.redis.minReplicasToWrite);
    const asked = typeof durableWrites === 'object' ? durableWrites.replicas : 0;
    return {
      // A master of a cluster that is cut off stops by itself, without a majority for cluster.nodeTimeoutMs.
      right: asked === 0 || minReplicas >= 1 || env.topology.kind === 'cluster',
      flaw: `redis.minReplicasToWrite is ${minReplicas} while durability.durableWrites asks for ${asked} replicas: a master that is cut off goes on taking writes`,
    };
  },
  supervisedClient: (env) => ({
    right: env.client.supervision,
    flaw: 'client.supervision is false: a client that meets +switch-master between two sockets stays dead',
  }),
  breaker: (env) => ({
    right: env.client.breaker.enabled,
    flaw: 'client.breaker.enabled is false: every call waits for its timeout while Redis is away',
  }),
  eviction: (env) => {
    const policy = env.redis.extra['maxmemory-policy'] ?? env.redis.maxmemoryPolicy;
    return {
      right: policy.startsWith('allkeys-'),
      flaw: `redis.maxmemoryPolicy is ${policy}: a full cache ${policy === 'noeviction' ? 'refuses writes' : 'evicts only keys with a TTL'}`,
    };
  },
  tls: (env) => ({
    right: env.security.tls,
    flaw: 'security.tls is false: passwords and data cross the network in clear',
  }),
};

/** What of it holds wherever the client connects to. */
const OF_CLIENT: ReadonlySet<string> = new Set(['supervisedClient', 'breaker', 'tls']);

const ATTACHED_REMEDY =
  'The kit does not read the configuration of an attached server: ask its operator. Once it is known to be right, waive the criterion in config/gates.yaml with owner, reason and expiry.';

export const configuration: Checker = {
  id: 'configuration',
  proves: 'the resolved configuration has none of the settings that drills only find by bad luck',
  check(_history, { environment, substrate }) {
    const isOurs = substrate !== 'attached';
    const rules = Object.entries(RULES).filter(([name]) => isOurs || OF_CLIENT.has(name));
    const judged = rules.map(([name, rule]) => [name, rule(environment)] as const);
    const flaws = judged.filter(([, { right }]) => !right).map(([name, { flaw }]) => `${name}: ${flaw}`);
    const figures = judged.map(([name, { right }]) => [name, value(right ? 1 : 0, 'boolean', 1)] as const);
    return {
      // What is not known is no violation: a figure that is missing must not fail.
      validity: isOurs && flaws.length > 0 ? 'invalid' : 'valid',
      reasons: isOurs
        ? flaws
        : [...flaws, 'somebody else runs the server: how it is configured is not known'],
      ...(!isOurs && { remedy: ATTACHED_REMEDY }),
      figures: {
        ...Object.fromEntries(figures),
        ...(isOurs && ofServer(environment)),
      },
    };
  },
};

function ofServer(environment: EnvironmentConfig) {
  return {
    // From the crash: the master is down after down-after, and an election without a winner is tried again only after twice the
    // failover-timeout (sentinel.c).
    electionRetryMs: value(
      environment.sentinel.downAfterMs + 2 * environment.sentinel.failoverTimeoutMs,
      'ms',
      1,
    ),
    asyncLossWindowMs: value(environment.durability.asyncLossWindowMs, 'ms', 1),
  };
}

function majority(sentinels: number): number {
  return Math.floor(sentinels / 2) + 1;
}

function quorumFlaw(sentinels: number, quorum: number): string {
  if (sentinels < FEWEST_SENTINELS)
    return 'fewer than three sentinels cannot lose one and still have a majority';
  if (quorum >= sentinels) return 'the loss of one sentinel ends all failovers';
  return 'one sentinel that is cut off deposes a healthy master';
}
