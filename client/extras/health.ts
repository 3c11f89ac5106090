/**
 * Reports the state of a cache and its servers, for people and for health endpoints.
 *
 *   PING, INFO, CLUSTER INFO (only in a cluster) ─▶ one check each ─▶ the worst of them ─▶ status
 *
 * A value that the user is not allowed to query, or that does not exist, is reported as `unknown`, not as an error. Not
 * covered: history (`metrics`).
 *
 * @module health
 */

import type { ServerResponse } from 'node:http';
import type { Address, BreakerState, Cache } from '../api/types.ts';
import { assertCache } from '../options/arguments.ts';
import { assertOptions, optionNames } from '../options/option-names.ts';
import { checkFlag, checkInteger, checkNumber as numberOption } from '../options/option-values.ts';
import { now, withTimeout } from '../transport/timing.ts';
import { askInfo, numberOf, type RedisInfo } from './redis-info.ts';

/** Status of a check. `unknown`: the value is not available, or the user lacks permission. */
export type CheckStatus = 'pass' | 'warn' | 'fail' | 'unknown';

/** Result of one check. */
export interface Check {
  readonly status: CheckStatus;
  /** Reason for a status other than `pass`. */
  readonly reason?: string;
}

/** Result of `healthCheck`. */
export interface Health {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** Time of the check, ISO 8601. */
  readonly timestamp: string;
  readonly checks: {
    readonly connectivity: Check & { readonly responseTimeMs?: number; readonly master?: Address };
    /** `usageRatio`: ratio of used memory to `maxmemory`; absent without a limit. */
    readonly memory: Check & {
      readonly usedBytes?: number;
      readonly maxBytes?: number;
      readonly usageRatio?: number;
    };
    readonly circuitBreaker: Check & { readonly state: BreakerState['kind'] };
    readonly replication: Check & {
      readonly role?: string;
      readonly replicas?: number;
      /** Lag of the replica that is furthest behind. */
      readonly lagBytes?: number;
    };
    readonly sentinel: Check & {
      readonly configured?: number;
      readonly answering?: number;
      readonly agreeing?: number;
    };
    readonly cluster: Check & { readonly state?: string; readonly slotsOk?: number; readonly nodes?: number };
  };
}

/** Options for a check: the thresholds for its warnings. */
export interface HealthOptions {
  /** The check warns if the ratio of used to maximum memory is at least this value; default 0.8. */
  readonly memoryWarnRatio?: number;
  /** The check warns if fewer replicas than this are connected; default 0. */
  readonly minReplicas?: number;
  /**
   * false: while Redis is unreachable, the status is `degraded` (memory answers) instead of `unhealthy`; default true.
   */
  readonly redisRequired?: boolean;
  /** Timeout for the whole check, in ms; default 2000. */
  readonly timeoutMs?: number;
}

const SLOTS = 16_384;
const unknown = (reason: string): Check => ({ status: 'unknown', reason });

const HEALTH = optionNames<HealthOptions>({
  memoryWarnRatio: true,
  minReplicas: true,
  redisRequired: true,
  timeoutMs: true,
});

function resolveOptions(options: HealthOptions): Required<HealthOptions> {
  assertOptions('', options, HEALTH);
  return {
    memoryWarnRatio: numberOption('memoryWarnRatio', options.memoryWarnRatio, 0, 1) ?? 0.8,
    minReplicas: checkInteger('minReplicas', options.minReplicas, 0, 0, 1000),
    redisRequired: checkFlag('redisRequired', options.redisRequired, true),
    timeoutMs: checkInteger('timeoutMs', options.timeoutMs, 2000, 1, 600_000),
  };
}

/**
 * Checks a cache and returns a status, even if Redis does not reply.
 *
 * @throws ConfigurationError if an option is invalid; nothing else is thrown
 */
export async function healthCheck(cache: Cache, options: HealthOptions = {}): Promise<Health> {
  assertCache(cache);
  const { memoryWarnRatio, minReplicas, redisRequired, timeoutMs } = resolveOptions(options);
  const { connection } = cache;
  const circuitBreaker = breakerCheck(cache);
  if (!connection) {
    const none = unknown('a memory cache does not use Redis');
    return healthOf('healthy', {
      connectivity: none,
      memory: none,
      circuitBreaker,
      replication: none,
      sentinel: none,
      cluster: none,
    });
  }
  const startedAt = now();
  let connectivity: Health['checks']['connectivity'];
  let info: RedisInfo | 'denied' | Check;
  let cluster: Health['checks']['cluster'] = unknown('not a cluster');
  try {
    const responseTimeMs = await withTimeout(cache.ping(), timeoutMs, 'PING');
    const { state } = connection;
    connectivity = {
      status: state.kind === 'suspect' ? 'warn' : 'pass',
      responseTimeMs,
      ...('master' in state && { master: state.master }),
      ...(state.kind === 'suspect' && { reason: state.reason }),
    };
    const left = (): number => Math.max(1, timeoutMs - (now() - startedAt));
    info = await withTimeout(askInfo(connection, 'INFO'), left(), 'INFO').catch(notAnswered);
    if (info instanceof Map && info.get('cluster_enabled') === '1')
      cluster = clusterCheck(
        await withTimeout(askInfo(connection, 'CLUSTER', 'INFO'), left(), 'CLUSTER INFO').catch(notAnswered),
      );
  } catch (error) {
    connectivity = { status: 'fail', reason: (error as Error).message };
    info = unknown('Redis does not reply');
    cluster = unknown('Redis does not reply');
  }
  const checks: Health['checks'] = {
    connectivity,
    memory: memoryCheck(info, memoryWarnRatio),
    circuitBreaker,
    replication: replicationCheck(info, minReplicas),
    sentinel: sentinelCheck(cache),
    cluster,
  };
  return healthOf(statusOf(checks, redisRequired), checks);
}

/**
 * Returns a handler for `http.createServer` that replies 200 while the status is `healthy` or `degraded`, and 503 while
 * it is `unhealthy`.
 */
export function healthHandler(cache: Cache, options: HealthOptions = {}) {
  assertCache(cache);
  resolveOptions(options);
  return async (_request: unknown, response: ServerResponse): Promise<void> => {
    const result = await healthCheck(cache, options);
    response.writeHead(result.status === 'unhealthy' ? 503 : 200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    response.end(JSON.stringify(result));
  };
}

const notAnswered = (error: unknown): Check => unknown((error as Error).message);

function healthOf(status: Health['status'], checks: Health['checks']): Health {
  return { status, timestamp: new Date().toISOString(), checks };
}

function statusOf({ connectivity, ...rest }: Health['checks'], redisRequired: boolean): Health['status'] {
  if (connectivity.status === 'fail' && redisRequired) return 'unhealthy';
  const statuses = [connectivity, ...Object.values(rest)].map(({ status }) => status);
  return statuses.some((status) => status === 'warn' || status === 'fail') ? 'degraded' : 'healthy';
}

function breakerCheck(cache: Cache): Health['checks']['circuitBreaker'] {
  const state = cache.stats().breaker;
  const status = { closed: 'pass', 'half-open': 'warn', open: 'fail' } as const;
  return {
    status: status[state.kind],
    state: state.kind,
    ...(state.kind === 'open' && { reason: state.cause }),
  };
}

/** Fields of the INFO reply, or a check that states why they are missing. */
type Answer = RedisInfo | 'denied' | Check;
function missingCheck(answer: Answer): Check | undefined {
  if (answer === 'denied') return unknown('the command is denied or not available');
  return answer instanceof Map ? undefined : (answer as Check);
}

function memoryCheck(answer: Answer, warnRatio: number): Health['checks']['memory'] {
  const missing = missingCheck(answer);
  if (missing) return missing;
  const info = answer as RedisInfo;
  const usedBytes = numberOf(info, 'used_memory');
  const maxBytes = numberOf(info, 'maxmemory');
  if (usedBytes === undefined || maxBytes === undefined)
    return unknown('INFO does not report used_memory or maxmemory');
  if (maxBytes === 0) return { status: 'pass', usedBytes };
  const usageRatio = usedBytes / maxBytes;
  return usageRatio >= warnRatio
    ? { status: 'warn', usedBytes, maxBytes, usageRatio, reason: `at or above ${warnRatio} of maxmemory` }
    : { status: 'pass', usedBytes, maxBytes, usageRatio };
}

function replicationCheck(answer: Answer, minReplicas: number): Health['checks']['replication'] {
  const missing = missingCheck(answer);
  if (missing) return missing;
  const info = answer as RedisInfo;
  const role = info.get('role');
  if (role === undefined) return unknown('INFO does not report role');
  if (role !== 'master')
    return info.get('master_link_status') === 'up'
      ? { status: 'pass', role }
      : { status: 'fail', role, reason: 'the replica has lost its master' };
  const replicas = numberOf(info, 'connected_slaves');
  if (replicas === undefined) return unknown('INFO does not report connected_slaves');
  const lagBytes = longestLagBytes(info);
  const seen = { role, replicas, ...(lagBytes !== undefined && { lagBytes }) };
  return replicas < minReplicas
    ? { status: 'warn', ...seen, reason: `${replicas} of ${minReplicas} replicas are connected` }
    : { status: 'pass', ...seen };
}

/** Returns the largest lag among the replicas that the master lists; undefined if the master does not report it. */
function longestLagBytes(info: RedisInfo): number | undefined {
  const offset = numberOf(info, 'master_repl_offset');
  if (offset === undefined) return undefined;
  let longest: number | undefined;
  for (const [field, text] of info) {
    const acknowledged = /^slave\d+$/.test(field) ? /offset=(\d+)/.exec(text)?.[1] : undefined;
    if (acknowledged !== undefined) longest = Math.max(longest ?? 0, offset - Number(acknowledged));
  }
  return longest;
}

function sentinelCheck(cache: Cache): Health['checks']['sentinel'] {
  const status = cache.connection?.sentinels?.();
  if (!status) return unknown('no sentinels are configured');
  const { configured, answering, agreeing, troubled } = status;
  const seen = { configured, answering, agreeing };
  if (answering <= configured / 2)
    return {
      status: 'fail',
      ...seen,
      reason: 'fewer than a majority of the sentinels reply: no failover is possible',
    };
  if (troubled) return { status: 'warn', ...seen, reason: 'a sentinel reports the master as down' };
  if (agreeing < configured)
    return { status: 'warn', ...seen, reason: 'not all sentinels report the same master' };
  return { status: 'pass', ...seen };
}

function clusterCheck(answer: Answer): Health['checks']['cluster'] {
  const missing = missingCheck(answer);
  if (missing) return missing;
  const info = answer as RedisInfo;
  const state = info.get('cluster_state');
  if (state === undefined) return unknown('CLUSTER INFO does not report cluster_state');
  const slotsOk = numberOf(info, 'cluster_slots_ok');
  const nodes = numberOf(info, 'cluster_known_nodes');
  const seen = { state, ...(slotsOk !== undefined && { slotsOk }), ...(nodes !== undefined && { nodes }) };
  if (state !== 'ok') return { status: 'fail', ...seen, reason: `cluster_state is ${state}` };
  if (slotsOk === undefined) return { ...unknown('CLUSTER INFO does not report cluster_slots_ok'), ...seen };
  return slotsOk === SLOTS
    ? { status: 'pass', ...seen }
    : { status: 'warn', ...seen, reason: `${slotsOk} of ${SLOTS} slots` };
}
