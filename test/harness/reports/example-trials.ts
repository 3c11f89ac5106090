/**
 * Trials as a run would record them, generated from a seed: an open loop with a steady rate, a fault and a recovery.
 * The shapes follow measurements: the kit's client writes again shortly after `+switch-master`; the stock client writes
 * again late or, if the master hangs, only after the master has resumed.
 */
import type { TimelineBin, TrialView } from '../../../harness/reports/report.ts';
import type { Distribution } from '../../../harness/statistics/quantile.ts';

export type Draw = () => number;

type CanaryLook = NonNullable<TrialView['canary']>['looks'][number];

/** The generator Mulberry32. */
export function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /** Share of the operations during the outage that have an unknown outcome; the others fail. */
  readonly unknown: number;
}

function timeline(
  draw: Draw,
  rate: number,
  durationMs: number,
  binMs: number,
  outage?: Outage,
): TimelineBin[] {
  return Array.from({ length: Math.ceil(durationMs / binMs) }, (_, index) => {
    const tMs = index * binMs;
    const sent = Math.round((rate * binMs) / 1000 + (draw() - 0.5) * 4);
    const down = outage !== undefined && tMs + binMs > outage.fromMs && tMs < outage.toMs;
    const share = down
      ? Math.min(1, (Math.min(outage.toMs, tMs + binMs) - Math.max(outage.fromMs, tMs)) / binMs)
      : 0;
    const lost = Math.round(sent * share);
    const info = down ? Math.round(lost * outage.unknown * (tMs < outage.fromMs + 600 ? 1 : 0.15)) : 0;
    const ok = sent - lost;
    const base = 0.25 + draw() * 0.12;
    const after = outage !== undefined && tMs >= outage.toMs && tMs < outage.toMs + 2 * binMs;
    const reads = Math.round(ok / 3);
    const hits = Math.round(reads * Math.min(0.97, 0.4 + index / 30));
    return {
      tMs,
      ok,
      failed: lost - info,
      info,
      p50Ms: ok === 0 ? null : after ? base * 40 : base,
      p99Ms: ok === 0 ? null : after ? 900 + draw() * 400 : base * (4 + draw() * 12),
      hits,
      misses: reads - hits,
    };
  });
}

const BUCKETS = Array.from({ length: 49 }, (_, index) => Number((0.05 * 10 ** (index / 8)).toPrecision(3)));

function latencies(
  draw: Draw,
  client: string,
  kind: string,
  n: number,
  medianMs: number,
): TrialView['latencies'][number] {
  const samples = Array.from({ length: n }, () => {
    const bell = draw() + draw() + draw() + draw() - 2;
    const tail = draw() < 0.012 ? 4 + draw() * 12 : 1;
    return medianMs * Math.exp(bell * 0.9) * tail;
  }).sort((a, b) => a - b);
  const at = (share: number) => Number((samples[Math.ceil(share * n) - 1] ?? 0).toFixed(3));
  const distribution: Distribution = {
    min: at(1 / n),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
    mean: Number((samples.reduce((sum, each) => sum + each, 0) / n).toFixed(3)),
  };
  const histogram = BUCKETS.map((upToMs, index) => ({
    upToMs,
    count: samples.filter((each) => each <= upToMs && each > (BUCKETS[index - 1] ?? 0)).length,
  }));
  return { client, kind, n, distribution, histogram };
}

interface FailoverShape {
  readonly drill: string;
  readonly title: string;
  readonly safeOutcome: string;
  readonly fault: string;
  readonly healMs: number;
  readonly switchMs: number | null;
  readonly kitBackMs: number;
  readonly stockBackMs: number;
}

const FAILOVERS: readonly FailoverShape[] = [
  {
    drill: 'master-crash',
    title: 'Crash of the master',
    safeOutcome: 'bounded gap, no acknowledged durable write lost',
    fault: 'kill',
    healMs: 9000,
    switchMs: 5290,
    kitBackMs: 5410,
    stockBackMs: 6640,
  },
  {
    drill: 'master-hang',
    title: 'The master hangs without a reset and returns',
    safeOutcome: 'the client moves without a reset, no stale acknowledgement',
    fault: 'pause',
    healMs: 10_000,
    switchMs: 5520,
    kitBackMs: 5640,
    stockBackMs: 10_250,
  },
  {
    drill: 'planned-switch',
    title: 'A switchover on purpose',
    safeOutcome: 'nothing lost, the old master is a replica within a second',
    fault: 'switchover',
    healMs: 3220,
    switchMs: 4180,
    kitBackMs: 3260,
    stockBackMs: 4420,
  },
];

export function failoverTrials(draw: Draw, trialsEach: number): TrialView[] {
  return FAILOVERS.flatMap((shape) =>
    Array.from({ length: trialsEach }, (_, index): TrialView => {
      const jitter = Math.round(draw() * 300);
      const fromMs = 3000 + jitter;
      return {
        drill: shape.drill,
        title: shape.title,
        family: 'failover',
        safeOutcome: shape.safeOutcome,
        trial: index + 1,
        status: 'completed',
        durationMs: 8_000,
        binMs: 200,
        timelines: {
          kit: timeline(draw, 240, 12_000, 200, { fromMs, toMs: shape.kitBackMs + jitter, unknown: 0.3 }),
          ioredis: timeline(draw, 240, 12_000, 200, {
            fromMs,
            toMs: shape.stockBackMs + jitter,
            unknown: 0.8,
          }),
        },
        faults: [{ fault: shape.fault, node: 'redis-1', fromMs, toMs: shape.healMs + jitter }],
        marks: [
          ...(shape.switchMs === null ? [] : [{ label: '+switch-master', tMs: shape.switchMs + jitter }]),
          { label: 'first write after the fault', tMs: shape.kitBackMs + jitter },
        ],
        masters: [
          { node: 'redis-1', fromMs: 0, toMs: fromMs },
          {
            node: 'redis-2',
            fromMs: shape.switchMs === null ? fromMs : shape.switchMs + jitter,
            toMs: 12_000,
          },
        ],
        events: [
          { tMs: fromMs, node: 'redis-1', source: 'fault', label: `${shape.fault} injected`, detail: '' },
          ...(['+sdown', '+odown', '+elected-leader', '+switch-master'] as const).map((label, step) => ({
            ...{ tMs: fromMs + 1000 + step * 200, node: 'sentinel-1', source: 'sentinel' as const, label },
            detail: 'master mymaster 127.0.0.1 6379',
          })),
          {
            ...{ tMs: shape.healMs + jitter, node: 'redis-1', source: 'fault' as const },
            ...{ label: `${shape.fault} healed`, detail: '' },
          },
        ],
        latencies: ['kit', 'ioredis'].flatMap((client) => [
          latencies(draw, client, 'set', 600, client === 'kit' ? 0.31 : 0.28),
          latencies(draw, client, 'get', 300, client === 'kit' ? 0.27 : 0.25),
        ]),
        expectations: [],
      };
    }),
  );
}

/** A machine on which one thread had to wait. */
const MACHINE: NonNullable<TrialView['machine']> = {
  ...{ latenessP99Ms: 0.6, latenessMaxMs: 4.1, timerP99Ms: 1.1, timerMaxMs: 6.2 },
  ...{ controlP50Ms: 0.21, controlP99Ms: 1.4, controlMachineP99Ms: 0.9, diskMaxMs: 3.2 },
  ...{ waitServerMaxMs: 12, waitHarnessMaxMs: 9.5, waitClientMaxMs: null },
  ...{ loopGeneratorMaxMs: 2, loopClientMaxMs: 3, stealRatio: 0, othersRatio: 0.34, runnablePerCore: 1.2 },
  ...{ pressureRatio: 0.2, load: 2.3, unsampled: [], leftOutOf: ['get-latency'] },
};

export function loadTrials(draw: Draw): TrialView[] {
  const shared = {
    family: 'load',
    trial: 1,
    status: 'completed',
    durationMs: 8_000,
    faults: [],
    marks: [],
    expectations: [],
  } as const;
  return [
    {
      ...shared,
      drill: 'realistic-50',
      title: 'The realistic benchmark of 50 queries',
      safeOutcome: 'hit ratio, latency and throughput as the requirements state them',
      binMs: 500,
      timelines: { kit: timeline(draw, 5, 10_000, 500) },
      latencies: [latencies(draw, 'kit', 'getOrCompute', 50, 2.1)],
    },
    {
      ...shared,
      drill: 'zipf-100',
      title: '100 queries, Zipf over a catalogue of 5',
      safeOutcome: '95 % hits',
      binMs: 100,
      timelines: { kit: timeline(draw, 100, 1000, 100) },
      latencies: [latencies(draw, 'kit', 'getOrCompute', 100, 0.9)],
    },
    {
      ...shared,
      drill: 'steady',
      round: 2,
      machine: MACHINE,
      title: 'A steady open loop',
      safeOutcome: 'every operation within its target, availability without a fault',
      binMs: 250,
      timelines: { kit: timeline(draw, 700, 10_000, 250), ioredis: timeline(draw, 700, 10_000, 250) },
      latencies: [
        latencies(draw, 'kit', 'get', 5000, 0.29),
        latencies(draw, 'kit', 'set', 1400, 0.34),
        latencies(draw, 'kit', 'getMany', 200, 1.6),
        latencies(draw, 'kit', 'setMany', 120, 2.2),
        latencies(draw, 'kit', 'getOrCompute', 900, 0.42),
        latencies(draw, 'ioredis', 'get', 5000, 0.26),
        latencies(draw, 'ioredis', 'set', 1400, 0.3),
      ],
    },
  ];
}

const SCRIPTED: readonly (readonly [
  drill: string,
  title: string,
  what: string,
  expected: string,
  actual: string,
])[] = [
  ['hit-miss', 'A value that was set is found', 'get after set', 'equals "v"', '"v"'],
  ['ttl-expiry', 'A value is gone after its TTL', 'ttl right after set', 'at most 2000 ms', '1,998 ms'],
  [
    'corrupt-payload',
    'A corrupt payload is purged and recomputed',
    'the key after the read',
    'equals null',
    'null',
  ],
  [
    'timeout-fallback',
    'Slow Redis falls back',
    'getOrCompute behind 2 s of latency',
    'at most 250 ms',
    '104 ms',
  ],
  ['breaker', 'The circuit breaker trips and resets', 'state after five errors', 'equals "open"', '"open"'],
  ['replication', 'A write reaches both replicas', 'lag of redis-3', 'at most 1000 ms', '3 ms'],
  ['consistency', 'Master and replicas have the same data', 'keys that differ', 'equals 0', '0'],
  ['security', 'Least privilege', 'FLUSHALL as the app user', 'equals "NOPERM"', '"NOPERM"'],
];

export function integrationTrials(): TrialView[] {
  return SCRIPTED.map(([drill, title, what, expected, actual]) => ({
    drill,
    title,
    family: 'integration',
    safeOutcome: title,
    trial: 1,
    status: 'completed',
    durationMs: 8_000,
    binMs: 200,
    timelines: {},
    faults: [],
    marks: [],
    latencies: [],
    expectations: [
      { what, expected, actual, held: true },
      { what: 'the operation did not throw', expected: 'equals true', actual: 'true', held: true },
    ],
  }));
}

/** A trial of a rollout that is promoted while it is healthy, and rolled back after a planted fault. */
export function canaryTrial(): TrialView {
  const arm = { errorRatio: 0.002, p50Ms: 5, p95Ms: 25, hitRatio: 0.91, users: 160, affectedUsers: 1 };
  const look = (
    index: number,
    decision: Partial<CanaryLook['decision']>,
    evidenceOfUsers: number,
  ): CanaryLook => ({
    atMs: index * 10_000,
    decision: {
      ...{ verdict: 'hold', share: 0.2, status: 'running', reasons: ['stage of 60 s not over'] },
      ...decision,
      figures: {
        canary: { ...arm, requests: 160 * index },
        control: { ...arm, requests: 640 * index, hitRatio: null, users: 640 },
        evidence: { users: evidenceOfUsers, slow: 0.4, requests: evidenceOfUsers },
        ...{ errorDeltaUpper: 0.008, slowDeltaUpper: 0.03 },
      },
    },
  });
  const healthy = Array.from({ length: 6 }, (_, index) => look(index + 1, {}, 0.8 - index * 0.1));
  return {
    ...{ drill: 'canary-rollback', title: 'A canary is promoted while healthy', family: 'integration' },
    ...{ safeOutcome: 'the rollback is immediate and latched', trial: 1, status: 'completed' },
    ...{ durationMs: 8_000, binMs: 200, timelines: {}, faults: [], marks: [], latencies: [] },
    expectations: [{ what: 'looks until the rollback', expected: 'at most 3', actual: '1', held: true }],
    canary: {
      limits: { users: 40, slow: 40 },
      looks: [
        ...healthy,
        look(7, { verdict: 'promote', share: 0.5, reasons: ['error delta at most 0.8 points'] }, 0.3),
        look(
          8,
          {
            ...{ verdict: 'rollback', share: 0, status: 'rolled-back' },
            reasons: ['errors affect more users in the canary than in the control: e-value 1.2e+9, limit 40'],
          },
          1.2e9,
        ),
        {
          atMs: 90_000,
          decision: {
            ...{ verdict: 'clear', share: 0.2, status: 'running' },
            ...{ reasons: ['cleared by drill'], figures: null },
          },
        },
      ],
    },
  };
}
