import { rehearsalDrill } from './families.ts';

/** Alerts whose failure the drill causes, by topology. */
const CAUSED = [
  ...['CacheBreakerOpen', 'MetricsMissing', 'RedisNodeDown'],
  ...['single?RedisNoMaster', 'cluster?RedisReplicasMissing'],
  ...['RedisReplicasMissing', 'RedisSentinelDown', 'RedisNoQuorum', 'RedisNoMaster', 'RedisFailover'].map(
    (alert) => `sentinel?${alert}`,
  ),
];

/** Inserts the name of the expectation between the condition and the alert. */
const expectationOf = (what: string, caused: string) =>
  caused.replace(/^(\w+\?)?/, (condition) => `${condition}${what}/`);

export const alerting = rehearsalDrill({
  id: 'alerting',
  title: 'Alerts fire on the failures that the drill causes and clear afterwards; promtool tests all rules',
  source: '004 §3 Failure Policy; infra/observability/alert-cases.ts; npm run bench -- alerts',
  safeOutcome:
    'an alert fires while its failure lasts, reaches Alertmanager, and clears once the failure is healed',
  needsProgram: 'prometheus',
  needs: ['kill', 'start', 'pause'],
  expectations: [
    ...['covered', 'tested'].map((what) => `rules/${what}`),
    'quiet',
    'delivered',
    ...['fired', 'cleared'].flatMap((what) => CAUSED.map((caused) => expectationOf(what, caused))),
  ],
});
