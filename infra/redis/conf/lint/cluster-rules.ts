/** Rules for the redis.conf of a cluster node. Default values are the defaults of Redis 7.0. */
import type { Conf } from './conf.ts';
import { type Finding, finding, type Severity } from './finding.ts';
import { REDIS_CONF } from './sources.ts';

const CLUSTER_C = 'src/cluster.c';

export function clusterRules(conf: Conf): readonly Finding[] {
  if (!conf.on('cluster-enabled', false)) return withoutEffect(conf);
  return [...busRules(conf), ...failoverRules(conf), ...serviceRules(conf)];
}

function withoutEffect(conf: Conf): readonly Finding[] {
  const [first] = conf.lines.filter(
    (line) => line.name?.startsWith('cluster-') && line.name !== 'cluster-enabled',
  );
  if (first?.name === undefined) return [];
  const reason = 'no effect without cluster-enabled yes, like every cluster directive';
  const at = { line: first.line, directive: first.name };
  return [finding('info', at, reason, REDIS_CONF, 'set cluster-enabled yes, or remove the lines')];
}

function busRules(conf: Conf): readonly Finding[] {
  if (conf.number('tls-port', 0) === 0 || conf.on('tls-cluster', false)) return [];
  const reason =
    'clients use TLS and the bus plain text, without a password: anyone on the network can use it';
  return [findingFactory(conf)('warning', 'tls-cluster', reason, REDIS_CONF, 'set tls-cluster yes')];
}

function failoverRules(conf: Conf): readonly Finding[] {
  const say = findingFactory(conf);
  const found: Finding[] = [];
  const timeout = conf.number('cluster-node-timeout', 15_000);
  if (timeout >= 10_000) {
    const reason = `a dead master is detected after ${timeout / 1_000} s, and a failed election is retried only after ${(4 * timeout) / 1_000} s`;
    found.push(
      say(
        'warning',
        'cluster-node-timeout',
        reason,
        `${CLUSTER_C}, auth_retry_time`,
        'set cluster-node-timeout 2000 to 5000',
      ),
    );
  } else if (timeout < 500) {
    const reason = 'a longer fork or slow command causes a failover of a healthy master';
    found.push(say('warning', 'cluster-node-timeout', reason, REDIS_CONF, 'set cluster-node-timeout 2000'));
  }
  if (conf.on('cluster-replica-no-failover', false)) {
    const reason = 'this node is never promoted: if it is the only replica, no failover is possible';
    found.push(say('warning', 'cluster-replica-no-failover', reason, REDIS_CONF, 'set it to no'));
  }
  if (conf.number('cluster-replica-validity-factor', 10) === 0) {
    const reason = 'a replica is promoted even if its data is old';
    found.push(say('warning', 'cluster-replica-validity-factor', reason, REDIS_CONF, 'set it to 10'));
  }
  return found;
}

function serviceRules(conf: Conf): readonly Finding[] {
  const say = findingFactory(conf);
  const found: Finding[] = [];
  if (conf.on('cluster-require-full-coverage', true)) {
    const reason = 'one shard without a master also stops all others';
    found.push(
      say('warning', 'cluster-require-full-coverage', reason, REDIS_CONF, 'for a cache: set it to no'),
    );
  }
  if (conf.on('cluster-allow-reads-when-down', false)) {
    const reason = 'a node without the majority serves stale data';
    found.push(
      say(
        'info',
        'cluster-allow-reads-when-down',
        reason,
        REDIS_CONF,
        'set it to no unless stale reads are acceptable',
      ),
    );
  }
  if (conf.number('min-replicas-to-write', 0) === 0) {
    const seconds = conf.number('cluster-node-timeout', 15_000) / 1_000;
    const reason = `an isolated master acknowledges writes for another ${seconds} s, which are lost`;
    const remedy =
      'with two replicas per master, set min-replicas-to-write 1; with one, use WAIT for writes that must survive';
    found.push(say('info', 'min-replicas-to-write', reason, CLUSTER_C, remedy));
  }
  return found;
}

function findingFactory(conf: Conf) {
  return (severity: Severity, directive: string, reason: string, source: string, remedy: string): Finding =>
    finding(severity, conf.place(directive), reason, source, remedy);
}
