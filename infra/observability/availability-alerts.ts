/** Alerts about roles, replication, sentinels, persistence and certificates. Pure. */
import { majorityOf } from '../../config/majority.ts';
import type { AlertRule, RuleContext } from './rule.ts';

/** Number of scrapes during which a failover is visible in the roles of the nodes. */
const FAILOVER_SCRAPES = 20;
/**
 * Minimum lag for an alert. A replica acknowledges once per second and the master reports whole seconds, so a lag of 2
 * s is normal.
 */
export const LEAST_LAG_SECONDS = 2;
const CRITICAL_CERTIFICATE_DAYS = 3;
const DAY_SECONDS = 86_400;

export function availabilityAlerts(context: RuleContext): readonly AlertRule[] {
  const { kind } = context.environment.topology;
  return [
    ...roleAlerts(context),
    ...(context.environment.topology.replicas > 0 ? replicationAlerts(context) : []),
    ...(kind === 'sentinel' ? sentinelAlerts(context) : []),
    ...(kind === 'cluster' ? clusterAlerts(context) : []),
    ...persistenceAlerts(context),
    ...(context.environment.security.tls ? certificateAlerts(context) : []),
  ];
}

/**
 * Restricts an expression to scraped nodes. If a node is not scraped, its state is unknown; the alert `MetricsMissing`
 * covers that case.
 */
const scraped = (select: RuleContext['select'], job: 'redis' | 'sentinel'): string =>
  `(count(${select('up', `job="${job}"`)} == 1) > 0)`;

/**
 * Selects the nodes that do not reply. The exporter reports them as `redis_up 0`; but with TLS it waits 10 s for the
 * handshake with a hung node, so the scrape of that node fails, while those of other nodes succeed.
 */
const isDown = (select: RuleContext['select'], job: 'redis' | 'sentinel'): string =>
  `${select('redis_up', `job="${job}"`)} == 0 or (${select('up', `job="${job}"`)} == 0 and on () ${scraped(select, job)})`;

function roleAlerts({ environment, select, scrapes }: RuleContext): readonly AlertRule[] {
  const { masters } = environment.topology;
  const isMaster = select('kit:redis_is_master');
  return [
    {
      alert: 'RedisNoMaster',
      severity: 'critical',
      expr: `((sum(${isMaster}) or vector(0)) < ${masters}) and on () ${scraped(select, 'redis')}`,
      forScrapes: 2,
      summary: `{{ $value }} of ${masters} masters reply: writes fail.`,
      runbook: 'no-master',
    },
    {
      alert: 'RedisSplitBrain',
      severity: 'critical',
      expr: `sum(${isMaster}) > ${masters}`,
      forScrapes: 2,
      summary: `{{ $value }} nodes report the role master, expected ${masters}: writes to one of them will be lost.`,
      runbook: 'roles-after-a-failover',
    },
    {
      alert: 'RedisNodeDown',
      severity: 'warning',
      expr: isDown(select, 'redis'),
      forScrapes: 4,
      summary: '{{ $labels.node }} does not reply.',
      runbook: 'host-rebooted',
    },
    {
      alert: 'RedisFailover',
      severity: 'info',
      expr: `${isMaster} == 1 and min_over_time(${isMaster}[${scrapes(FAILOVER_SCRAPES)}]) == 0`,
      forScrapes: 2,
      summary: '{{ $labels.node }} was a replica and is a master now.',
      runbook: 'roles-after-a-failover',
    },
  ];
}

function replicationAlerts({ environment, select }: RuleContext): readonly AlertRule[] {
  const { replicas } = environment.topology;
  const maxLag = Math.max(environment.redis.minReplicasMaxLagSeconds, LEAST_LAG_SECONDS);
  return [
    {
      alert: 'RedisReplicasMissing',
      severity: 'warning',
      expr: `(${select('redis_connected_slaves')} and on (environment, node) ${select('kit:redis_is_master')} == 1) < ${replicas}`,
      forScrapes: 4,
      summary: `{{ $labels.node }} has {{ $value }} of ${replicas} replicas.`,
      runbook: 'replica-will-not-sync',
    },
    {
      alert: 'RedisReplicaLag',
      severity: 'warning',
      expr: `${select('kit:redis_replica_lag_seconds')} > ${maxLag}`,
      forScrapes: 4,
      summary: `A replica of {{ $labels.node }} is {{ $value }} s behind its master; the limit is ${maxLag} s.`,
      runbook: 'replica-will-not-sync',
    },
    {
      alert: 'RedisReplicaLinkDown',
      severity: 'warning',
      expr: `${select('redis_master_link_up')} == 0`,
      forScrapes: 4,
      summary:
        '{{ $labels.node }} has no link to its master {{ $labels.master_host }}:{{ $labels.master_port }}.',
      runbook: 'replica-will-not-sync',
    },
  ];
}

/**
 * Returns the number of sentinels that must agree on a failover: an election needs the votes of a majority of all
 * sentinels, even if the quorum is smaller.
 */
export function neededSentinels({
  sentinels,
  quorum,
}: Pick<RuleContext['environment']['topology'], 'sentinels' | 'quorum'>): number {
  return Math.max(quorum, majorityOf(sentinels));
}

function sentinelAlerts({ environment, select }: RuleContext): readonly AlertRule[] {
  const { sentinels } = environment.topology;
  const needed = neededSentinels(environment.topology);
  return [
    {
      alert: 'RedisNoQuorum',
      severity: 'critical',
      expr:
        `(((count(${select('redis_up', 'job="sentinel"')} == 1) or vector(0)) < ${needed})` +
        ` and on () ${scraped(select, 'sentinel')}) or min(${select('redis_sentinel_master_ckquorum_status')}) == 0`,
      forScrapes: 4,
      summary: `Fewer than ${needed} of ${sentinels} sentinels can agree: no failover can start.`,
      runbook: 'no-master',
    },
    {
      alert: 'RedisSentinelDown',
      severity: 'warning',
      expr: isDown(select, 'sentinel'),
      forScrapes: 4,
      summary: '{{ $labels.node }} does not reply.',
      runbook: 'host-rebooted',
    },
    {
      alert: 'RedisSentinelTilt',
      severity: 'warning',
      expr: `${select('redis_sentinel_tilt')} == 1`,
      forScrapes: 2,
      summary: '{{ $labels.node }} is in TILT mode and starts no failover: its clock or its machine stalled.',
      runbook: 'no-master',
    },
  ];
}

function clusterAlerts({ select }: RuleContext): readonly AlertRule[] {
  return [
    {
      alert: 'RedisClusterDown',
      severity: 'critical',
      expr: `${select('redis_cluster_state')} == 0`,
      forScrapes: 2,
      summary: '{{ $labels.node }} reports cluster_state:fail: some or all slots are not served.',
      runbook: 'cluster-problems',
    },
  ];
}

function persistenceAlerts({ select }: RuleContext): readonly AlertRule[] {
  const failed = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'];
  return [
    {
      alert: 'RedisPersistenceFailing',
      severity: 'critical',
      expr: failed.map((name) => `max by (environment, node) (${select(`redis_${name}`)}) == 0`).join(' or '),
      forScrapes: 2,
      summary: '{{ $labels.node }} could not write its last snapshot or append-only file.',
      runbook: 'disk-full',
    },
  ];
}

function certificateAlerts({ environment, select }: RuleContext): readonly AlertRule[] {
  const { certificateDays } = environment.observability.limits;
  const remainingDays = `(${select('kit_certificate_not_after_seconds')} - time()) / ${DAY_SECONDS}`;
  return [
    {
      alert: 'RedisCertificateExpiring',
      severity: 'warning',
      expr: `${remainingDays} < ${certificateDays}`,
      forScrapes: 2,
      summary: 'The certificate of {{ $labels.node }} expires in {{ $value | printf "%.1f" }} days.',
      runbook: 'certificate-expiry',
    },
    {
      alert: 'RedisCertificateNearlyExpired',
      severity: 'critical',
      expr: `${remainingDays} < ${CRITICAL_CERTIFICATE_DAYS}`,
      forScrapes: 2,
      summary: 'The certificate of {{ $labels.node }} expires in {{ $value | printf "%.1f" }} days.',
      runbook: 'certificate-expiry',
    },
  ];
}
