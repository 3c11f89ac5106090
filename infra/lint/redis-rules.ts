/**
 * What a redis.conf for a cache that must survive failovers gets wrong, though Redis would take it.
 *
 * Defaults are those of 7.0: what a file does not say is judged as much as what it says.
 */
import { accessRules, tlsRules } from './access-rules.ts';
import { clusterRules } from './cluster-rules.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';

const REDIS_CONF = 'redis.conf of Redis 7.0';

export function redisRules(conf: Conf, cores: number | undefined): readonly Finding[] {
  return [
    ...memoryRules(conf),
    ...defragRules(conf),
    ...persistenceRules(conf),
    ...durabilityRules(conf),
    ...replicationRules(conf),
    ...accessRules(conf),
    ...tlsRules(conf),
    ...threadRules(conf, cores),
    ...operationRules(conf),
    ...clusterRules(conf),
  ];
}

function memoryRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const limit = conf.bytes('maxmemory', 0);
  if (limit === 0) {
    found.push(
      finding(
        'warning',
        conf.place('maxmemory'),
        'a cache without a limit grows until the kernel ends it',
        REDIS_CONF,
        'set maxmemory to about two thirds of the memory that it may use; fork and buffers need the rest',
      ),
    );
  } else if (limit < 2 ** 20) {
    const remedy = 'write the unit: maxmemory 2gb';
    found.push(
      finding(
        'warning',
        conf.place('maxmemory'),
        `${limit} bytes are less than an empty Redis uses`,
        REDIS_CONF,
        remedy,
      ),
    );
  }
  const policy = conf.value('maxmemory-policy', 'noeviction');
  if (policy === 'noeviction') {
    const reason = 'a full cache refuses writes (OOM) instead of forgetting what was used least';
    found.push(
      finding(
        'warning',
        conf.place('maxmemory-policy'),
        reason,
        REDIS_CONF,
        'set maxmemory-policy allkeys-lru',
      ),
    );
  } else if (policy.startsWith('volatile-')) {
    const reason = 'keys without a TTL are never evicted: once they fill the memory, writes are refused';
    found.push(
      finding(
        'info',
        conf.place('maxmemory-policy'),
        reason,
        REDIS_CONF,
        'give every key a TTL, or set allkeys-lru',
      ),
    );
  }
  return found;
}

function defragRules(conf: Conf): readonly Finding[] {
  if (!conf.on('activedefrag', false)) return [];
  return [
    finding(
      'info',
      conf.place('activedefrag'),
      "a build with the system's jemalloc (Debian, Ubuntu) does not start with it",
      'src/config.c, measured on 7.0.15',
      'leave it out there; `redis-server --port 0 --activedefrag yes` ends at once on such a build',
    ),
  ];
}

function persistenceRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const aof = conf.on('appendonly', false);
  const rdb = !(conf.has('save') && conf.value('save', '') === '');
  if (!aof && !rdb) {
    found.push(
      finding(
        'warning',
        conf.place('appendonly'),
        'nothing survives a restart; a master that restarts quickly comes back empty, and its replicas copy the emptiness',
        'redis/redis#1297, #2087',
        'set appendonly yes',
      ),
    );
  } else if (!aof) {
    const reason = 'a crash loses everything since the last snapshot, minutes at least';
    found.push(
      finding(
        'warning',
        conf.place('appendonly'),
        reason,
        REDIS_CONF,
        'set appendonly yes and appendfsync everysec',
      ),
    );
  }
  const points = conf.all('save').flatMap((line) => line.args);
  if (points.join('') !== '' && (points.length % 2 !== 0 || points.some((point) => !/^\d+$/.test(point)))) {
    const reason = `'${points.join(' ')}' is not allowed: the server does not start`;
    found.push(
      finding(
        'error',
        conf.place('save'),
        reason,
        'src/config.c',
        'allowed: pairs of seconds and changes, or ""',
      ),
    );
  }
  return found;
}

/** What a file may say to make persistence less than it looks. */
function durabilityRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const aof = conf.on('appendonly', false);
  if (aof && conf.value('appendfsync', 'everysec') === 'no') {
    const reason =
      'the kernel flushes when it likes, about every 30 s: a crash of the machine loses that much';
    found.push(finding('warning', conf.place('appendfsync'), reason, REDIS_CONF, 'set appendfsync everysec'));
  }
  if (aof && conf.value('appendfsync', 'everysec') === 'always') {
    const reason = 'every write waits for the disk';
    found.push(
      finding('info', conf.place('appendfsync'), reason, REDIS_CONF, 'for a cache everysec is enough'),
    );
  }
  if (aof && conf.on('no-appendfsync-on-rewrite', false)) {
    const reason = 'while a rewrite runs nothing is flushed: a crash then loses up to 30 s';
    found.push(
      finding('warning', conf.place('no-appendfsync-on-rewrite'), reason, REDIS_CONF, 'set it to no'),
    );
  }
  if (!conf.on('stop-writes-on-bgsave-error', true)) {
    const reason = 'a disk that is full goes unnoticed while the last snapshot ages';
    found.push(
      finding(
        'info',
        conf.place('stop-writes-on-bgsave-error'),
        reason,
        REDIS_CONF,
        'set it to yes, or watch rdb_last_bgsave_status',
      ),
    );
  }
  return found;
}

function replicationRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const guarded = conf.number('min-replicas-to-write', 0) > 0 && conf.number('min-replicas-max-lag', 10) > 0;
  // A node of a cluster stops by itself: cluster-rules.ts says when.
  if (!guarded && !conf.on('cluster-enabled', false)) {
    found.push(
      finding(
        'warning',
        conf.place('min-replicas-to-write'),
        'a master that is cut off from its replicas goes on acknowledging writes that the failover throws away',
        'Jepsen 2013; measured: 303 and more acknowledged writes lost',
        'where it has replicas set min-replicas-to-write 1 and min-replicas-max-lag 3; writes that must survive: WAIT',
      ),
    );
  } else if (guarded && conf.number('min-replicas-max-lag', 10) >= 10) {
    const reason = `a cut-off master acknowledges for ${conf.number('min-replicas-max-lag', 10)} s more`;
    found.push(
      finding('info', conf.place('min-replicas-max-lag'), reason, REDIS_CONF, 'set min-replicas-max-lag 3'),
    );
  }
  if (conf.bytes('repl-backlog-size', 2 ** 20) <= 2 ** 20) {
    const reason = '1 MB of missed writes and a replica needs a full copy, which costs the master a fork';
    found.push(
      finding('warning', conf.place('repl-backlog-size'), reason, REDIS_CONF, 'set repl-backlog-size 64mb'),
    );
  }
  if (conf.number('repl-diskless-sync-delay', 5) > 0 && conf.on('repl-diskless-sync', true)) {
    const reason =
      'a full copy waits that many seconds for more replicas before it starts: a returning master is away longer';
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
    const reason = 'what clients write to a replica is lost at its next synchronisation';
    found.push(
      finding('warning', conf.place('replica-read-only'), reason, REDIS_CONF, 'set replica-read-only yes'),
    );
  }
  if (conf.number('repl-timeout', 60) <= conf.number('repl-ping-replica-period', 10)) {
    const reason = 'the link times out between two pings: replicas reconnect for ever';
    found.push(
      finding(
        'warning',
        conf.place('repl-timeout'),
        reason,
        REDIS_CONF,
        'make repl-timeout several times repl-ping-replica-period',
      ),
    );
  }
  return found;
}

function threadRules(conf: Conf, cores: number | undefined): readonly Finding[] {
  const found: Finding[] = [];
  const threads = conf.number('io-threads', 1);
  if (cores !== undefined && threads > cores) {
    const reason = `${threads} threads on ${cores} cores take turns: latency gets worse, not better`;
    found.push(
      finding('warning', conf.place('io-threads'), reason, REDIS_CONF, `set io-threads ${cores} or fewer`),
    );
  }
  if (conf.has('io-threads-do-reads')) {
    const reason = 'it brings little up to 7.4 and has no effect from 8.0 on';
    found.push(
      finding(
        'info',
        conf.place('io-threads-do-reads'),
        reason,
        'redis.conf of 7.0; release notes of 8.0',
        'remove the line',
      ),
    );
  }
  return found;
}

function operationRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  if (conf.number('latency-monitor-threshold', 0) === 0) {
    const reason = 'LATENCY DOCTOR has nothing to say after a stall';
    found.push(
      finding(
        'info',
        conf.place('latency-monitor-threshold'),
        reason,
        REDIS_CONF,
        'set latency-monitor-threshold 100',
      ),
    );
  }
  if (conf.on('daemonize', false) && conf.value('logfile', '') === '') {
    const reason = 'a daemon without a log file writes its log to /dev/null';
    found.push(
      finding(
        'warning',
        conf.place('daemonize'),
        reason,
        REDIS_CONF,
        'set logfile, or daemonize no under a supervisor',
      ),
    );
  }
  for (const line of conf.all('include')) {
    const at = { line: line.line, directive: 'include' };
    found.push(
      finding(
        'info',
        at,
        `what stands in ${line.args[0]} is not seen here`,
        REDIS_CONF,
        'check that file too',
      ),
    );
  }
  for (const name of ['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands']) {
    if (!conf.has(name)) continue;
    found.push(
      finding(
        'warning',
        conf.place(name),
        'it is accepted and without effect',
        'src/config.c',
        'remove the line',
      ),
    );
  }
  return found;
}
