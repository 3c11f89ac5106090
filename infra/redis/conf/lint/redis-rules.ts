/**
 * Rules for a redis.conf of a cache that must survive failovers: settings that Redis accepts although they cause harm.
 *
 * Default values are those of Redis 7.0: a default is judged like an explicit setting.
 */
import type { ServerVersion } from '../../server-version.ts';
import { accessRules } from './access-rules.ts';
import { clusterRules } from './cluster-rules.ts';
import type { Conf } from './conf.ts';
import { type Finding, finding } from './finding.ts';
import { tlsRules } from './network-rules.ts';
import { replicationRules } from './replication-rules.ts';
import { REDIS_CONF } from './sources.ts';

export interface RedisRuleOptions {
  readonly servers: readonly ServerVersion[];
  /** Number of cores of the target machine; if undefined, io-threads is not checked. */
  readonly cores: number | undefined;
}

export function redisRules(conf: Conf, { servers, cores }: RedisRuleOptions): readonly Finding[] {
  return [
    ...memoryRules(conf),
    ...defragRules(conf),
    ...persistenceRules(conf),
    ...durabilityRules(conf),
    ...replicationRules(conf),
    ...accessRules(conf, servers),
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
        'a cache without a limit grows until the kernel kills it',
        REDIS_CONF,
        'set maxmemory to about two thirds of the available memory; fork and buffers need the rest',
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
    const reason = 'a full cache rejects writes (OOM) instead of evicting keys';
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
    const reason = 'keys without a TTL are never evicted: once they fill the memory, writes are rejected';
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
      'omit it there; `redis-server --port 0 --activedefrag yes` exits immediately on such a build',
    ),
  ];
}

function persistenceRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const aof = conf.on('appendonly', false);
  const rdb = savePoints(conf) > 0;
  if (!aof && !rdb) {
    found.push(
      finding(
        'warning',
        conf.place('appendonly'),
        'no data survives a restart; a master that restarts quickly is empty, and its replicas copy that',
        'redis/redis#1297, #2087',
        'set appendonly yes',
      ),
    );
  } else if (!aof) {
    const reason = 'a crash loses all writes since the last snapshot, which is usually minutes old';
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
  return found;
}

/**
 * Returns the number of save points in force: `save ""` removes the save points that earlier lines set; without any
 * line the defaults apply.
 */
function savePoints(conf: Conf): number {
  const lines = conf.all('save');
  const last = lines.findLastIndex(({ args }) => args.join('') === '');
  return lines.length === 0 ? 3 : lines.length - 1 - last;
}

/** Finds settings that weaken persistence unexpectedly. */
function durabilityRules(conf: Conf): readonly Finding[] {
  const found: Finding[] = [];
  const aof = conf.on('appendonly', false);
  if (aof && conf.value('appendfsync', 'everysec') === 'no') {
    const reason = 'the kernel flushes about every 30 s: a crash of the machine loses that much';
    found.push(finding('warning', conf.place('appendfsync'), reason, REDIS_CONF, 'set appendfsync everysec'));
  }
  if (aof && conf.value('appendfsync', 'everysec') === 'always') {
    const reason = 'every write waits for the disk';
    found.push(
      finding('info', conf.place('appendfsync'), reason, REDIS_CONF, 'everysec is sufficient for a cache'),
    );
  }
  if (aof && conf.on('no-appendfsync-on-rewrite', false)) {
    const reason = 'nothing is flushed during a rewrite: a crash then loses up to 30 s';
    found.push(
      finding('warning', conf.place('no-appendfsync-on-rewrite'), reason, REDIS_CONF, 'set it to no'),
    );
  }
  if (!conf.on('stop-writes-on-bgsave-error', true)) {
    const reason = 'a full disk stays undetected while the last snapshot ages';
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

function threadRules(conf: Conf, cores: number | undefined): readonly Finding[] {
  const found: Finding[] = [];
  const threads = conf.number('io-threads', 1);
  if (cores !== undefined && threads > cores) {
    const reason = `${threads} threads on ${cores} cores compete for CPU time and increase latency`;
    found.push(
      finding('warning', conf.place('io-threads'), reason, REDIS_CONF, `set io-threads ${cores} or fewer`),
    );
  }
  if (conf.has('io-threads-do-reads')) {
    const reason = 'it has little effect up to 7.4 and none from 8.0 on';
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
    const reason = 'LATENCY DOCTOR has no data after a stall';
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
      finding('info', at, `${line.args[0]} is not checked`, REDIS_CONF, 'check that file separately'),
    );
  }
  return found;
}
