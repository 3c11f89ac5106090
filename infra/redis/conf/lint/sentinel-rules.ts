/** Rules for a sentinel.conf: settings that Sentinel accepts although they cause harm. */

import { majorityOf } from '../../../../config/majority.ts';
import type { ServerVersion } from '../../server-version.ts';
import { entriesNamed } from '../grammar/index.ts';
import { atoi } from '../grammar/numbers.ts';
import type { ConfLine } from '../text.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { networkRules, tlsRules } from './network-rules.ts';
import { SENTINEL_C } from './sources.ts';

const SENTINEL_CONF = 'sentinel.conf of Redis 7.0';
/** Target time for a failover, as in the gates. */
const TARGET_MS = 30_000;

/** Directives of redis.conf that have an effect in a sentinel. */
const SHARED = new Set(
  `aclfile acllog-max-len bind bind-source-addr daemonize dir include ignore-warnings logfile loglevel maxclients pidfile
   port proc-title-template protected-mode requirepass set-proc-title supervised syslog-enabled syslog-facility syslog-ident
   tcp-backlog tcp-keepalive timeout unixsocket unixsocketperm user latency-tracking-info-percentiles crash-log-enabled
   latency-monitor-threshold slowlog-log-slower-than slowlog-max-len rename-command oom-score-adj disable-thp`.split(
    /\s+/,
  ),
);

export function sentinelRules(conf: Conf, servers: readonly ServerVersion[]): readonly Finding[] {
  const masters = conf.all('sentinel monitor');
  return [
    ...masters.flatMap((line) => masterRules(conf, line)),
    ...(masters.length === 0 ? [noMonitoredMaster()] : []),
    ...nameRules(conf),
    ...scriptRules(conf),
    ...loginRules(conf),
    ...foreignDirectives(conf),
    ...networkRules(conf, { isProtectedByDefault: false, servers }),
    ...tlsRules(conf),
  ];
}

function noMonitoredMaster(): Finding {
  const at = { line: 0, directive: 'sentinel monitor' };
  return finding(
    'error',
    at,
    'it monitors no master',
    SENTINEL_C,
    'add: sentinel monitor mymaster <address> 6379 2',
  );
}

function masterRules(conf: Conf, monitor: ConfLine): readonly Finding[] {
  const [name = '', , , quorum = ''] = monitor.args;
  return [
    ...quorumRules(conf, monitor, name, atoi(quorum)),
    ...timingRules(conf, name),
    finding(
      'info',
      { line: monitor.line, directive: 'sentinel monitor' },
      'Sentinel rewrites this file by renaming a new one: a read-only directory only logs a warning, and a single mounted file breaks the rename',
      'measured on 7.0.15',
      'keep the file in a separate writable directory, on a volume',
    ),
  ];
}

function quorumRules(conf: Conf, monitor: ConfLine, name: string, quorum: number): readonly Finding[] {
  const at = { line: monitor.line, directive: 'sentinel monitor' };
  const peers = conf.all('sentinel known-sentinel').filter((line) => line.args[0] === name).length;
  if (peers === 0) {
    if (quorum === 1) return [oneVote(at)];
    if (quorum < 3) return [];
    const reason = `a quorum of ${quorum} with ${quorum} sentinels allows no failover while one is down`;
    return [
      finding(
        'warning',
        at,
        reason,
        SENTINEL_CONF,
        `run more than ${quorum} sentinels, or use a majority: 2 of 3, 3 of 5`,
      ),
    ];
  }
  const sentinels = peers + 1;
  const found: Finding[] = [];
  if (quorum > sentinels) {
    const reason = `${quorum} is above the ${sentinels} known sentinels: no failover can start`;
    found.push(finding('error', at, reason, SENTINEL_C, `set the quorum to ${majorityOf(sentinels)}`));
  } else if (quorum === sentinels) {
    const reason = `${quorum} of ${sentinels}: no failover while one sentinel is down`;
    found.push(
      finding(
        'error',
        at,
        reason,
        SENTINEL_CONF,
        sentinels < 3 ? 'run three sentinels with quorum 2' : `set the quorum to ${majorityOf(sentinels)}`,
      ),
    );
  } else if (quorum === 1) {
    found.push(oneVote(at));
  } else if (quorum > majorityOf(sentinels)) {
    const reason = `${quorum} of ${sentinels} is more than a majority: a failover needs more sentinels than a leader election`;
    found.push(finding('warning', at, reason, SENTINEL_CONF, `set the quorum to ${majorityOf(sentinels)}`));
  }
  if (sentinels % 2 === 0) {
    const reason = `${sentinels} sentinels tolerate no more failures than ${sentinels - 1}`;
    found.push(finding('warning', at, reason, SENTINEL_CONF, 'run an odd number of at least three'));
  }
  return found;
}

function oneVote(at: { readonly line: number; readonly directive: string }): Finding {
  const reason = 'the broken link of one sentinel counts as a failed master';
  return finding('warning', at, reason, SENTINEL_CONF, 'run three sentinels and set the quorum to 2');
}

interface Timing {
  readonly ms: number;
  readonly at: { readonly line: number; readonly directive: string };
}

function detectionRules(down: Timing): readonly Finding[] {
  const found: Finding[] = [];
  if (down.ms <= 300) {
    const reason =
      'a stall of the machine or of the network causes a needless failover, and without a shorter ping period a second one follows: thousands of writes are lost';
    found.push(
      finding(
        'error',
        down.at,
        reason,
        'measured at 200 and 300 ms',
        'set 1300 or more; 5000 is usual. An environment that the kit runs with sentinel.fast accepts it: its watchdog sets SENTINEL DEBUG PING-PERIOD 100',
      ),
    );
  } else if (down.ms < 500) {
    const reason = 'a stall of the machine or of the network for this time causes a needless failover';
    found.push(finding('warning', down.at, reason, SENTINEL_CONF, 'set 1300 or more; 5000 is usual'));
  } else if (down.ms <= 1000) {
    const reason =
      'a sentinel reconnects at most once per second: it may report a new master as down before its first connection';
    found.push(
      finding(
        'warning',
        down.at,
        reason,
        'measured: 2 of 12 failovers at 1000 ms, 0 of 14 at 1300 ms',
        'set 1300 or more; 5000 is usual',
      ),
    );
  } else if (down.ms >= TARGET_MS) {
    const reason = `${down.ms} ms pass before the detection: a failover within 30 s is impossible`;
    found.push(finding('warning', down.at, reason, SENTINEL_CONF, 'set 5000'));
  }
  return found;
}

function timingRules(conf: Conf, name: string): readonly Finding[] {
  const setting = (option: string, byDefault: number) => {
    const line = conf.all(`sentinel ${option}`).findLast((each) => each.args[0] === name);
    return {
      ms: line === undefined ? byDefault : atoi(line.args[1] ?? ''),
      at: { line: line?.line ?? 0, directive: `sentinel ${option}` },
    };
  };
  const found: Finding[] = [];
  const down = setting('down-after-milliseconds', 30_000);
  const failover = setting('failover-timeout', 180_000);
  found.push(...detectionRules(down));
  const retried = down.ms + 2 * failover.ms;
  if (retried >= TARGET_MS && down.ms < TARGET_MS) {
    found.push(
      finding(
        'warning',
        failover.at,
        `a failed election is retried only after twice this value: ${retried / 1000} s after the crash, beyond the 30 s target`,
        `${SENTINEL_C}, sentinelStartFailoverIfNeeded`,
        `set sentinel failover-timeout ${name} 10000`,
      ),
    );
  }
  const parallel = setting('parallel-syncs', 1);
  if (parallel.ms > 1) {
    const reason = `${parallel.ms} replicas copy at the same time and serve no reads in the meantime`;
    found.push(finding('info', parallel.at, reason, SENTINEL_CONF, 'set parallel-syncs 1'));
  } else if (parallel.ms < 1) {
    const reason = 'no replica synchronizes with the new master before failover-timeout';
    found.push(finding('warning', parallel.at, reason, SENTINEL_C, 'set parallel-syncs 1'));
  }
  return found;
}

function nameRules(conf: Conf): readonly Finding[] {
  return ['sentinel resolve-hostnames', 'sentinel announce-hostnames']
    .filter((name) => conf.on(name, false))
    .map((name) =>
      finding(
        'warning',
        conf.place(name),
        'resolving the name of a stopped machine can block for 40 s; Sentinel then enters TILT and performs no failover',
        'measured on Docker over 450 s',
        `set ${name} no and use a separate address per node`,
      ),
    );
}

function scriptRules(conf: Conf): readonly Finding[] {
  if (conf.on('sentinel deny-scripts-reconfig', true)) return [];
  const reason = 'every client of the port can set a script that Sentinel runs';
  return [
    finding('warning', conf.place('sentinel deny-scripts-reconfig'), reason, SENTINEL_CONF, 'set it to yes'),
  ];
}

function loginRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const pairs = [
    ['sentinel auth-user', 'sentinel auth-pass'],
    ['sentinel sentinel-user', 'sentinel sentinel-pass'],
  ] as const;
  for (const [user, password] of pairs) {
    if (!conf.has(user) || conf.has(password)) continue;
    found.push(
      finding(
        'error',
        conf.place(user),
        'a user without a password cannot log in',
        SENTINEL_CONF,
        `set ${password}`,
      ),
    );
  }
  if (
    conf.has('sentinel myid') &&
    !conf.has('sentinel known-sentinel') &&
    !conf.has('sentinel known-replica')
  ) {
    const reason = 'copies of this file give several sentinels one id: they overwrite each other’s votes';
    found.push(
      finding(
        'warning',
        conf.place('sentinel myid'),
        reason,
        SENTINEL_C,
        'remove the line from a template: each sentinel generates its own',
      ),
    );
  }
  return found;
}

function foreignDirectives(conf: Conf): readonly Finding[] {
  return conf.lines.flatMap((line): Finding[] => {
    const name = line.name ?? '';
    if (entriesNamed(name).length === 0 || SHARED.has(name) || name.startsWith('tls-')) return [];
    const at = { line: line.line, directive: name };
    return [
      finding(
        'warning',
        at,
        'a sentinel stores no data: the directive has no effect',
        SENTINEL_CONF,
        'move it to redis.conf',
      ),
    ];
  });
}
