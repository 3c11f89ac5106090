/**
 * Directives that a server accepts with values that harm a cache: refused connections, flapping replication, missing
 * diagnostics, blocking deletions. Each has a loose bound that is judged on the running node, so a value is found no
 * matter whether it was rendered or set later.
 *
 * Directives that decide about a promise have their own rules (`persistence`, `eviction`, `write-guard`, …). A directive
 * that the server does not know is skipped.
 */
import { defaultValue } from '../../../infra/redis/conf/directive-values.ts';
import { type Demand, mergeFindings, unansweredReason, wrongDirective } from './directive.ts';
import { type Fields, familyOf, type NodeView } from './facts.ts';
import { type Judged, nodeRule, quoteText, type RuleContext } from './finding.ts';

interface Bound extends Omit<Demand, 'setting' | 'holds'> {
  /** Setting in the environment's file; default: `redis.extra`. */
  readonly setting?: string;
  /** Whether the value is harmless. @param config all directives of the node */
  holds(value: string, config: Fields): boolean;
  /** Whether the bound applies to the environment; default: it does. */
  applies?(about: RuleContext): boolean;
}

type Limits = Pick<Bound, 'wanted' | 'holds'>;

const MB = 2 ** 20;

function isBetween(value: string, min: number, max = Number.POSITIVE_INFINITY): boolean {
  return /^-?\d+$/.test(value) && Number(value) >= min && Number(value) <= max;
}

const between = (min: number, max: number): Limits => ({
  wanted: `${min} to ${max}`,
  holds: (value) => isBetween(value, min, max),
});
const atLeast = (min: number): Limits => ({
  wanted: `at least ${min}`,
  holds: (value) => isBetween(value, min),
});
const noneOrAtLeast = (min: number): Limits => ({
  wanted: `0 or at least ${min}`,
  holds: (value) => value === '0' || isBetween(value, min),
});
const oneOf = (...values: readonly string[]): Limits => ({
  wanted: values.map(quoteText).join(' or '),
  holds: (value) => values.includes(value),
});

const promisesPersistence = ({ environment }: RuleContext) => environment.promises.persistence;

const TIMEOUT: Bound = {
  directive: 'timeout',
  value: '0',
  reason: 'the server closes connections that the client keeps for the next call',
  ...noneOrAtLeast(60),
};
const KEEPALIVE: Bound = {
  directive: 'tcp-keepalive',
  value: '60',
  reason: 'connections of crashed clients accumulate until the limit of connections is reached',
  ...between(1, 600),
};

const CONNECTIONS: readonly Bound[] = [
  {
    directive: 'maxclients',
    value: '10500',
    reason: 'the server refuses the connections of further application processes',
    ...atLeast(1_000),
  },
  TIMEOUT,
  KEEPALIVE,
  {
    directive: 'proto-max-bulk-len',
    value: '536870912',
    reason: 'larger values are refused, and the connection is closed',
    ...atLeast(64 * MB),
  },
  {
    directive: 'client-query-buffer-limit',
    value: '1073741824',
    reason: 'the server closes the connection of a client that sends a large batch',
    ...atLeast(64 * MB),
  },
  {
    directive: 'client-output-buffer-limit',
    value: 'normal 0 0 0 pubsub 33554432 8388608 60 replica 268435456 67108864 60',
    reason: 'the server closes connections whose replies are read slowly for a moment',
    wanted: `limits of 0 or at least ${8 * MB} in each class`,
    holds: (value) => outputLimits(value).every((limit) => limit === '0' || isBetween(limit, 8 * MB)),
  },
  {
    directive: 'maxmemory-clients',
    value: '0',
    reason: 'the server closes client connections to free memory',
    wanted: `0, at least 5%, or at least ${64 * MB}`,
    holds: (value) => {
      if (value.endsWith('%')) return isBetween(value.slice(0, -1), 5);
      return value === '0' || isBetween(value, 64 * MB);
    },
  },
  {
    directive: 'tracking-table-max-keys',
    value: '1000000',
    reason: 'the server invalidates keys in the local caches of the clients although they have not changed',
    ...noneOrAtLeast(10_000),
  },
  {
    directive: 'databases',
    value: '16',
    reason: 'the canary uses database 2',
    applies: ({ environment }) => environment.topology.kind !== 'cluster',
    ...atLeast(3),
  },
];

const REPLICATION: readonly Bound[] = [
  {
    directive: 'repl-timeout',
    value: '60',
    reason: 'a short pause of the master breaks the link to its replicas; a very long time hides a dead link',
    wanted: '15 to 600, and more than repl-ping-replica-period',
    holds: (value, config) =>
      isBetween(value, 15, 600) && Number(value) > Number(config.get('repl-ping-replica-period') ?? 0),
  },
  {
    directive: 'repl-disable-tcp-nodelay',
    value: 'no',
    reason: 'each write reaches the replicas up to 40 ms later, and WAIT waits for it',
    ...oneOf('no'),
  },
  {
    directive: 'repl-backlog-ttl',
    value: '3600',
    reason: 'a replica that returns needs a full synchronization, because its master has dropped the backlog',
    ...noneOrAtLeast(60),
  },
  {
    directive: 'repl-diskless-sync-delay',
    value: '0',
    reason: 'a replica without data waits this long before its synchronization begins',
    ...between(0, 30),
  },
  {
    directive: 'repl-diskless-load',
    value: 'disabled',
    reason: 'a replica drops its data before it has received the data of its master',
    ...oneOf('disabled', 'on-empty-db', 'swapdb'),
  },
  {
    directive: 'replica-serve-stale-data',
    value: 'yes',
    reason: 'a replica without its master refuses every read',
    ...oneOf('yes'),
  },
];

const STORAGE: readonly Bound[] = [
  {
    directive: 'stop-writes-on-bgsave-error',
    value: 'yes',
    reason: 'a full disk stays unnoticed while the last snapshot ages',
    applies: promisesPersistence,
    ...oneOf('yes'),
  },
  {
    directive: 'auto-aof-rewrite-percentage',
    value: '100',
    reason: 'the append-only file grows until the disk is full',
    applies: promisesPersistence,
    wanted: '1 to 1000',
    holds: (value, config) => config.get('appendonly') === 'no' || isBetween(value, 1, 1_000),
  },
  {
    directive: 'auto-aof-rewrite-min-size',
    value: '67108864',
    reason: 'the append-only file is not rewritten before it has this size',
    applies: promisesPersistence,
    ...between(0, 4_096 * MB),
  },
  {
    directive: 'aof-load-truncated',
    value: 'yes',
    reason: 'the node does not start if a crash interrupted the last write to the append-only file',
    applies: promisesPersistence,
    ...oneOf('yes'),
  },
  {
    directive: 'shutdown-on-sigterm',
    value: 'default',
    reason: 'a planned stop does not save the data, or does not wait for the replicas',
    applies: promisesPersistence,
    wanted: "without 'nosave' and 'now'",
    holds: (value) => !/\b(nosave|now)\b/.test(value),
  },
  {
    directive: 'save',
    setting: 'redis.save',
    value: '900 1 300 10 60 10000',
    reason: 'the server forks continually to write snapshots',
    wanted: 'periods of at least 10 s',
    holds: (value) => value.split(' ').every((word, i) => i % 2 === 1 || word === '' || isBetween(word, 10)),
  },
];

const LAZY = [
  'lazyfree-lazy-eviction',
  'lazyfree-lazy-expire',
  'lazyfree-lazy-server-del',
  'lazyfree-lazy-user-del',
  'lazyfree-lazy-user-flush',
  'replica-lazy-flush',
];

const SPEED: readonly Bound[] = [
  ...LAZY.map(
    (directive): Bound => ({
      directive,
      value: 'yes',
      reason: 'removing a large value, or all values, blocks every client',
      ...oneOf('yes'),
    }),
  ),
  {
    directive: 'hz',
    value: '10',
    reason: 'below this range keys expire late; above it the timer takes CPU time from commands',
    ...between(5, 100),
  },
  {
    directive: 'maxmemory-samples',
    value: '5',
    reason: 'with fewer samples, the server evicts keys that are in use',
    ...atLeast(3),
  },
];

const DIAGNOSTICS: readonly Bound[] = [
  {
    directive: 'slowlog-log-slower-than',
    setting: 'redis.slowlogLogSlowerThanUs',
    value: '10000',
    reason: 'slow commands are not logged',
    ...between(0, 1_000_000),
  },
  {
    directive: 'slowlog-max-len',
    value: '1024',
    reason: 'the slow log drops its entries before anyone can read them',
    ...atLeast(32),
  },
  {
    directive: 'latency-monitor-threshold',
    value: '100',
    reason: 'LATENCY DOCTOR has no data after a stall',
    ...between(1, 10_000),
  },
  {
    directive: 'loglevel',
    value: 'notice',
    reason: 'the log lacks the events of a failover, or is too large to read',
    ...oneOf('notice', 'verbose', 'warning'),
  },
];

const BOUNDS: readonly Bound[] = [...CONNECTIONS, ...REPLICATION, ...STORAGE, ...SPEED, ...DIAGNOSTICS];

/**
 * Directives of a sentinel. It has no CONFIG command and reports only some of its own settings; it writes the others into
 * the file that it keeps.
 */
const OF_SENTINEL: readonly Bound[] = [
  {
    directive: 'maxclients',
    value: '10000',
    reason: 'the sentinel refuses the connections of further application processes',
    ...atLeast(1_000),
  },
  TIMEOUT,
  KEEPALIVE,
  ...['sentinel resolve-hostnames', 'sentinel announce-hostnames'].map(
    (directive): Bound => ({
      directive,
      value: 'no',
      reason: 'resolving the name of a stopped machine can block the sentinel for 40 s',
      ...oneOf('no'),
    }),
  ),
  {
    directive: 'sentinel master-reboot-down-after-period',
    value: '0',
    reason:
      'the sentinel waits this long for a master that is loading its data, instead of promoting a replica',
    ...between(0, 10_000),
  },
  {
    directive: 'sentinel rename-command',
    value: '',
    reason: 'the sentinel sends names that no node knows, so a failover never completes',
    wanted: 'absent',
    holds: (value) => value === '',
  },
];

export const safeDirectives = nodeRule({
  id: 'safe-directives',
  proves: 'no directive of a running node has a value that harms a cache',
  of: 'all',
  judge: (view, about) =>
    view.id.startsWith('redis') ? judgeRedis(view, about) : judgeSentinel(view, about),
});

function judgeRedis(view: NodeView, about: RuleContext): Judged {
  const { config } = view;
  if (config === undefined) return unansweredReason(about);
  return mergeFindings(BOUNDS.map((bound) => judgeBound(view, about, bound, config)));
}

function judgeBound(view: NodeView, about: RuleContext, bound: Bound, config: Fields): Judged {
  const { setting = 'redis.extra', ...rest } = bound;
  const live = config.get(bound.directive);
  if (live === undefined || bound.applies?.(about) === false) return { wrong: [], checked: 0 };
  if (bound.holds(live, config)) return { wrong: [], checked: 1 };
  return { wrong: [wrongDirective(view, about, { ...rest, setting }, live)], checked: 1 };
}

function judgeSentinel(view: NodeView, { facts }: RuleContext): Judged {
  const files = facts.rendered.get(view.id)?.directives;
  const { sentinelConfig, kept } = view;
  if (files === undefined || sentinelConfig === undefined || kept === undefined) {
    return { wrong: [], checked: 0, missing: 'SENTINEL CONFIG GET, or the query of its sentinel.conf,' };
  }
  return mergeFindings(
    OF_SENTINEL.map(({ directive, wanted, value, reason, holds }): Judged => {
      const option = directive.replace('sentinel ', '');
      const byDefault = defaultValue(directive, familyOf(view)) ?? value;
      // `sentinel <option> <service> <value>`
      const rendered = files.get(directive)?.split(' ').at(-1) ?? byDefault;
      const live = sentinelConfig.get(option) ?? kept.get(directive)?.split(' ').at(-1) ?? byDefault;
      if (holds(live, files)) return { wrong: [], checked: 1 };
      const remedy =
        live === rendered
          ? `${directive} is '${live}', as rendered: set it to '${value}' in sentinel.conf.`
          : `${directive} is '${live}', rendered '${rendered}': correct it with SENTINEL SET or SENTINEL CONFIG SET ${option}, or restart it with its rendered file.`;
      const what = { node: view.id, what: directive, live, wanted, rendered };
      return { wrong: [{ ...what, reason: `${reason} (sentinel.conf)`, remedy }], checked: 1 };
    }),
  );
}

/** Returns the hard and soft limits of all classes, in bytes. */
function outputLimits(value: string): readonly string[] {
  return value.split(' ').filter((_word, i) => i % 4 === 1 || i % 4 === 2);
}
