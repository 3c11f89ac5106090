/**
 * Advice on the settings of an environment, derived from the observed use; each piece of advice shows its arithmetic.
 * Pure.
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { formatBytes } from '../../../config/units.ts';
import { bytesText, countText, durationText, percentText } from '../figures.ts';
import { type MemoryNeed, observationSeconds } from './memory-need.ts';
import type { Observation } from './observation.ts';

export interface Advice {
  /** Dotted path of the setting in the environment file. */
  readonly setting: string;
  readonly current: string;
  /** Recommended value in the notation of the file; null to keep the current value. */
  readonly recommended: string | null;
  readonly because: string;
}

/** Target of the memory criterion in `config/gates.yaml`: below 80 % of maxmemory. */
const MEMORY_TARGET = 0.8;
const MEMORY_STEP = 16 * 1024 ** 2;
/** Default of `maxclients` in Redis. */
const MAXCLIENTS = 10_000;
/**
 * Factor for failovers, which briefly double the connections: clients reconnect before their old connections are
 * closed.
 */
const CONNECTIONS_FACTOR = 2;

export function adviseSettings(
  observation: Observation,
  need: MemoryNeed,
  config: EnvironmentConfig,
): readonly Advice[] {
  return [
    memoryAdvice(need, config),
    policyAdvice(observation, config),
    ttlAdvice(observation, need, config),
    connectionAdvice(observation, config),
  ];
}

function memoryAdvice(need: MemoryNeed, { redis }: EnvironmentConfig): Advice {
  const current = formatBytes(redis.maxmemory);
  const setting = 'redis.maxmemory';
  if (!need.known) {
    return {
      setting,
      current,
      recommended: null,
      because: need.groups.every(({ internal }) => internal)
        ? 'not known: the cache has no entries; run kit sizing again when the cache is in use'
        : `not known: the cache was observed for too short a part of its TTL; run kit sizing again when the cache has run for ${durationText(observationSeconds(need))}`,
    };
  }
  const wanted = Math.max(
    MEMORY_STEP,
    Math.ceil(need.bytesPerMaster / MEMORY_TARGET / MEMORY_STEP) * MEMORY_STEP,
  );
  return {
    setting,
    current,
    recommended: wanted === redis.maxmemory ? null : formatBytes(wanted),
    because: `${need.arithmetic} = ${bytesText(need.bytesPerMaster)}; / ${MEMORY_TARGET} (target: below 80 %), rounded up to ${formatBytes(MEMORY_STEP)}`,
  };
}

function policyAdvice({ groups, totalKeys }: Observation, { redis }: EnvironmentConfig): Advice {
  const persistent = groups.reduce((sum, group) => sum + group.persistent, 0);
  const share = totalKeys === 0 ? 0 : persistent / totalKeys;
  const current = redis.maxmemoryPolicy;
  const base = { setting: 'redis.maxmemoryPolicy', current };
  const lacking = `${percentText(share)} of the keys have no TTL`;
  if (current === 'noeviction') {
    return {
      ...base,
      recommended: 'allkeys-lru',
      because: 'noeviction rejects writes when the memory is full',
    };
  }
  if (current.startsWith('volatile-') && share > 0.01) {
    return {
      ...base,
      recommended: current.replace('volatile-', 'allkeys-').replace('-ttl', '-lru'),
      because: `${lacking}, and ${current} cannot evict them`,
    };
  }
  return {
    ...base,
    recommended: null,
    because: `${lacking}; ${current} keeps the master writable at its limit`,
  };
}

function ttlAdvice(
  { groups: all }: Observation,
  { evicting, horizonSeconds, known, bytesPerMaster }: MemoryNeed,
  { client, redis }: EnvironmentConfig,
): Advice {
  const groups = all.filter(({ internal }) => !internal);
  const base = { setting: 'client.defaultTtlSeconds', current: String(client.defaultTtlSeconds) };
  const persistent = groups.filter(({ ttlSeconds }) => ttlSeconds === null).map(({ domain }) => domain);
  if (evicting && horizonSeconds !== null && horizonSeconds < client.defaultTtlSeconds) {
    const enough = known
      ? `${bytesText(bytesPerMaster)} would hold all entries for their TTL`
      : 'the required memory is not known yet';
    return {
      ...base,
      recommended: null,
      because: `entries are evicted after ${durationText(horizonSeconds)} without access, before their TTL; at ${bytesText(redis.maxmemory)} a TTL above this time has no effect; ${enough}`,
    };
  }
  const idle = groups.flatMap((group) =>
    (group.idle ?? []).map((key) => ({ ...key, ttl: group.ttlSeconds })),
  );
  const count = idle.reduce((sum, { weight }) => sum + weight, 0);
  const cold = idle.reduce(
    (sum, { weight, idleSeconds, ttl }) => sum + (ttl !== null && idleSeconds > ttl / 2 ? weight : 0),
    0,
  );
  const without =
    persistent.length === 0
      ? ''
      : `; give ${persistent.slice(0, 3).join(', ')} a TTL: nothing else removes these entries`;
  return {
    ...base,
    recommended: null,
    because: `no entry is evicted before its TTL; ${percentText(count === 0 ? null : cold / count)} of the entries were not accessed for half of their TTL${without}`,
  };
}

function connectionAdvice({ masters }: Observation, { redis }: EnvironmentConfig): Advice {
  const most = masters.reduce((max, { clients }) => Math.max(max, clients ?? 0), 0);
  const configured = Number(redis.extra.maxclients ?? masters[0]?.maxClients ?? MAXCLIENTS);
  const wanted = most * CONNECTIONS_FACTOR;
  const [first] = masters;
  const busy =
    first?.meanCommandUs == null || first.opsPerSecond === null
      ? ''
      : `; ${countText(first.opsPerSecond)} ops/s x ${countText(first.meanCommandUs, 1)} us = ${percentText((first.opsPerSecond * first.meanCommandUs) / 1e6)} of one core`;
  return {
    setting: 'redis.extra.maxclients',
    current: String(configured),
    recommended: wanted > configured ? String(2 ** Math.ceil(Math.log2(wanted))) : null,
    because: `${countText(most)} connections x ${CONNECTIONS_FACTOR} for a failover = ${countText(wanted)} of ${countText(configured)}${busy}`,
  };
}

/** Returns the paths and values to write, in the notation of the file. */
export function changesOf(advice: readonly Advice[]): ReadonlyMap<string, string> {
  return new Map(
    advice.flatMap(({ setting, recommended }) =>
      recommended === null ? [] : [[setting, recommended] as const],
    ),
  );
}

export function sizingText(
  name: string,
  observation: Observation,
  need: MemoryNeed,
  advice: readonly Advice[],
): string {
  const { totalKeys, sampledKeys } = observation;
  const groups = need.groups
    .slice(0, 10)
    .map(
      ({ namespace, domain, keysNow, keysAtPeak, bytesPerKey, ttlSeconds, known }) =>
        `  ${namespace}:${domain}  ${countText(keysNow)} keys now, ${known ? '' : 'at least '}${countText(keysAtPeak)} at the peak, ${bytesText(bytesPerKey)} each, TTL ${durationText(ttlSeconds)}`,
    );
  return [
    `${name}: ${countText(totalKeys)} keys, ${countText(sampledKeys)} read`,
    ...groups,
    ...advice.map(({ setting, current, recommended, because }) =>
      recommended === null
        ? `${setting}: keep ${current}\n  ${because}`
        : `${setting}: ${current} -> ${recommended}\n  ${because}`,
    ),
  ].join('\n');
}
