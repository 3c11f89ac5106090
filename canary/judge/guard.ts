/**
 * Absolute guard: limits on the shared Redis and on the control arm. A comparison of the two arms cannot show that a
 * limit is exceeded. Pure.
 */
import { quantileMs } from './latency.ts';
import type { JudgeState, Rules } from './types.ts';

/** Returns descriptions of the limits that were exceeded at this look. */
export function breachesOf({ guard }: Rules, before: JudgeState, after: JudgeState): readonly string[] {
  const redis = after.redis;
  const seconds = secondsBetween(before, after);
  const rate = (name: 'evictedKeys' | 'rejectedConnections') => {
    const [from, to] = [before.redis?.[name] ?? null, redis?.[name] ?? null];
    // A counter that is lower than before was reset by a restart, or comes from another server after a failover.
    return from === null || to === null || to < from ? null : to - from;
  };
  const evicted = rate('evictedKeys');
  const perSecond = evicted === null || seconds === 0 ? null : evicted / seconds;
  return [
    above('memory of Redis', redis?.memoryRatio ?? null, guard.memoryRatioMax, 'of maxmemory'),
    above('evictions', perSecond, guard.evictionsPerSecondMax, 'keys/s'),
    above(
      'rejected connections',
      rate('rejectedConnections'),
      guard.rejectedConnectionsMax,
      'since the last look',
    ),
    above('PING', redis?.pingMs ?? null, guard.pingMsMax, 'ms'),
    ...controlBreaches(guard, before, after),
  ].filter((breach) => breach !== undefined);
}

function controlBreaches(
  guard: Rules['guard'],
  before: JudgeState,
  after: JudgeState,
): readonly (string | undefined)[] {
  const requests = after.arms.control.requests - before.arms.control.requests;
  if (requests < guard.minRequests) return [];
  const failures = after.arms.control.failures - before.arms.control.failures;
  const latency = after.arms.control.latency.map((count, i) => count - (before.arms.control.latency[i] ?? 0));
  return [
    above('error ratio of the control', failures / requests, guard.controlErrorRatioMax, ''),
    above('p95 of the control', quantileMs(latency, 0.95), guard.controlP95MsMax, 'ms'),
  ];
}

function above(what: string, value: number | null, limit: number, unit: string): string | undefined {
  if (value === null || value <= limit) return undefined;
  return `${what}: ${Number(value.toPrecision(3))}, limit ${limit} ${unit}`.trimEnd();
}

function secondsBetween(before: JudgeState, after: JudgeState): number {
  if (before.lastLookAtMs === null || after.lastLookAtMs === null) return 0;
  return Math.max(0, (after.lastLookAtMs - before.lastLookAtMs) / 1000);
}
