/**
 * Rules about replication: acknowledged writes, full synchronization, buffers, promotion. Default values are those of
 * Redis 7.0.
 */
import { parseBytes } from '../../../../config/units.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { REDIS_CONF } from './sources.ts';

export function replicationRules(conf: Conf): readonly Finding[] {
  return [
    ...acknowledgementRules(conf),
    ...synchronisationRules(conf),
    ...bufferRules(conf),
    ...promotionRules(conf),
  ];
}

function acknowledgementRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const guarded = conf.number('min-replicas-to-write', 0) > 0 && conf.number('min-replicas-max-lag', 10) > 0;
  // In a cluster, an isolated master stops accepting writes even without these settings: see cluster-rules.ts.
  if (!guarded && !conf.on('cluster-enabled', false)) {
    found.push(
      finding(
        'warning',
        conf.place('min-replicas-to-write'),
        'a master isolated from its replicas acknowledges writes that the failover discards',
        'Jepsen 2013; measured: 303 and more acknowledged writes lost',
        'with replicas, set min-replicas-to-write 1 and min-replicas-max-lag 3; use WAIT for writes that must survive',
      ),
    );
  } else if (guarded && conf.number('min-replicas-max-lag', 10) >= 10) {
    const reason = `an isolated master acknowledges writes for another ${conf.number('min-replicas-max-lag', 10)} s`;
    found.push(
      finding('info', conf.place('min-replicas-max-lag'), reason, REDIS_CONF, 'set min-replicas-max-lag 3'),
    );
  }
  return found;
}

function synchronisationRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  if (conf.bytes('repl-backlog-size', 2 ** 20) <= 2 ** 20) {
    const reason =
      'after 1 MB of missed writes a replica needs a full synchronization, which costs the master a fork';
    found.push(
      finding('warning', conf.place('repl-backlog-size'), reason, REDIS_CONF, 'set repl-backlog-size 64mb'),
    );
  }
  if (conf.number('repl-diskless-sync-delay', 5) > 0 && conf.on('repl-diskless-sync', true)) {
    const reason =
      'a full synchronization waits that many seconds for more replicas: a returning master is unavailable for longer';
    found.push(
      finding(
        'info',
        conf.place('repl-diskless-sync-delay'),
        reason,
        'measured: 5 s of a resync of 15 s',
        'set repl-diskless-sync-delay 0',
      ),
    );
  }
  if (!conf.on('replica-read-only', true)) {
    const reason = 'client writes to a replica are lost at its next synchronization';
    found.push(
      finding('warning', conf.place('replica-read-only'), reason, REDIS_CONF, 'set replica-read-only yes'),
    );
  }
  if (conf.number('repl-timeout', 60) <= conf.number('repl-ping-replica-period', 10)) {
    const reason = 'the link times out between two pings: replicas reconnect continually';
    found.push(
      finding(
        'warning',
        conf.place('repl-timeout'),
        reason,
        REDIS_CONF,
        'set repl-timeout to several times repl-ping-replica-period',
      ),
    );
  }
  return found;
}

/** Default output buffer limits of a replica, in bytes. */
const DEFAULT_LIMITS = { hard: 256 * 2 ** 20, soft: 64 * 2 ** 20 } as const;

/** Checks that the output buffer of a replica can hold the whole backlog while the replica catches up. */
function bufferRules(conf: Conf): readonly Finding[] {
  const stated = conf
    .all('client-output-buffer-limit')
    .flatMap(({ args, line }) =>
      args.flatMap((word, i) =>
        i % 4 === 0 && /^(?:slave|replica)$/i.test(word)
          ? [{ line, hard: bytesOf(args[i + 1]), soft: bytesOf(args[i + 2]) }]
          : [],
      ),
    )
    .at(-1);
  const { hard, soft } = stated ?? DEFAULT_LIMITS;
  const backlog = conf.bytes('repl-backlog-size', 2 ** 20);
  const isHard = hard > 0 && hard < backlog;
  // Checks a soft limit only if the file sets it: the default limit is far above the default size of the backlog.
  const isSoft = stated !== undefined && soft > 0 && soft < backlog;
  if (!isHard && !isSoft) return [];
  const place = { line: stated?.line ?? 0, directive: 'client-output-buffer-limit' };
  const reason = isHard
    ? 'the hard limit of a replica is below repl-backlog-size: up to 6.2 a replica is disconnected while it catches up; since 7.0 the size of the backlog counts instead'
    : 'the soft limit of a replica is below repl-backlog-size: a replica that takes longer to catch up is disconnected, and starts again';
  const remedy = `set client-output-buffer-limit replica to ${2 * backlog} ${backlog} 60 or more, or repl-backlog-size lower`;
  return [finding('warning', place, reason, `${REDIS_CONF}; src/networking.c`, remedy)];
}

function bytesOf(text: string | undefined): number {
  return parseBytes(text ?? '') ?? 0;
}

/** Rules about promotion. The file describes only one node, so the reason states the condition for the other nodes. */
function promotionRules(conf: Conf): readonly Finding[] {
  if (conf.on('cluster-enabled', false) || conf.number('replica-priority', 100) !== 0) return [];
  const reason = 'Sentinel never promotes this node: if every replica has it, no failover is possible';
  const remedy = 'set replica-priority 100; use 0 only for a replica that must never be master';
  return [finding('warning', conf.place('replica-priority'), reason, REDIS_CONF, remedy)];
}
