/** Hand-written histories of capacity drills: load steps, connections, memory, k6 and a soak. */
import type { HistoryEvent, ObservationEvent } from '../../harness/history/events.ts';
import { HdrHistogram } from '../../harness/statistics/hdr.ts';
import { type Events, infoSample, observation } from './checkers/history-builders.ts';

type Data = NonNullable<ObservationEvent['data']>;

const mark = (name: string, atMs: number, data: Data) =>
  observation('workload', name, atMs, data, { client: 'kit' });

export interface StepOptions {
  readonly step?: number;
  readonly mix?: string;
  readonly perSecond?: number;
  readonly asked?: number;
  readonly lagMs?: number;
  /** Latency of all operations, by kind. */
  readonly latencyMs?: Readonly<Record<string, number>>;
  readonly over?: Data;
}

const allAt = (ms: number, count: number) => {
  const histogram = new HdrHistogram();
  for (let i = 0; i < count; i++) histogram.record(ms * 1_000);
  return histogram.toText();
};

/** Events of one load step, which is valid unless the options specify otherwise. */
export function loadStep(options: StepOptions = {}): Events {
  const { step = 1, mix = 'B', perSecond = 1_000, asked = 12_000, lagMs = 0.3 } = options;
  const { latencyMs = { get: 1, set: 2 }, over = {} } = options;
  const counts = { asked, sent: asked, dropped: 0, answered: asked, failed: 0, wrong: 0 };
  const histograms = [
    ['lag', '', lagMs] as const,
    ...Object.entries(latencyMs).flatMap(([kind, ms]) => [
      ['latency', kind, ms] as const,
      ['service', kind, ms] as const,
    ]),
  ];
  return [
    mark('load-step', 1_000 * step, {
      ...{ step, mix, perSecond, durationMs: 5_000, ...counts, reads: asked, hits: asked },
      ...{ plannedSumUs: 7, intendedSumUs: 7, cpuMs: 100, busyRatio: 0.5, stealRatio: 0, ...over },
    }),
    histograms.map(([measure, kind, ms]) =>
      mark('load-histogram', 1_000 * step, { step, measure, kind, counts: allAt(ms, asked) }),
    ),
  ];
}

export function loadPlan(wantedPerSecond = 50_000): Events {
  return mark('load-plan', 10, { wantedPerSecond, kneeP99Ms: 10 });
}

const serverLimit = (perSecond: number) =>
  mark('server-limit', 20, { test: 'get', perSecond, requests: 1_000 });

export const throughputEvents = (sustained: number, limit = 200_000): Events => [
  loadPlan(),
  serverLimit(limit),
  loadStep({ step: 1, perSecond: sustained }),
  loadStep({ step: 2, perSecond: 2 * sustained, latencyMs: { get: 200, set: 200 } }),
];

const nodeMemory = Array.from({ length: 30 }, (_, i) =>
  infoSample('redis-1', i * 1_000, { usedMemory: 10, maxmemory: 100, evictedKeys: 0, role: 'master' }),
);

const MIXES: Events = [
  loadStep({ step: 1 }),
  loadStep({ step: 2, mix: 'batches', latencyMs: { getMany: 5, setMany: 8 } }),
  loadStep({ step: 3, mix: 'burst of 100', latencyMs: { get: 3 } }),
  nodeMemory,
];

export const memoryPoints = (bytesOf: (keys: number) => number): Events =>
  Array.from({ length: 8 }, (_, i) =>
    mark('memory-point', i * 100, { keys: i * 1_000, usedBytes: Math.round(bytesOf(i * 1_000)) }),
  );

export function k6Events(over: Data = {}, run: Data = {}): readonly HistoryEvent[] {
  const segment = {
    ...{ scenario: 'load', segment: '0:1', exitCode: 0, requests: 2_000, failed: 0, dropped: 0 },
    ...{ checksPassed: 2_000, checksFailed: 0, p95Ms: 5, p99Ms: 9, maxMs: 12, missed: '' },
  };
  return [
    mark('k6', 10, { scenario: 'load', limit: '', version: '2.2.0', segments: 1, ...run }),
    mark('k6-segment', 100, { ...segment, ...over }),
  ];
}

/** Samples of a soak, one per 1,000 operations. `over` overrides the data of a sample. */
export function soakSamples(over: (operations: number) => Data = () => ({})): Events {
  return Array.from({ length: 30 }, (_, i) => {
    const operations = (i + 1) * 1_000;
    const noise = ((i * 7_919) % 1_000) * 10;
    const client = { heapBytes: 20_000_000 + noise, externalBytes: 1_000_000 };
    const server = { usedBytes: 5_000_000 + noise, fragmentedBytes: 1_000_000, maxmemory: 100_000_000 };
    return mark('soak-sample', i * 100, {
      ...{ slice: i + 1, operations, ...client, ...server, lagBytes: 0, lagSeconds: 1 },
      ...over(operations),
    });
  });
}

/** Events of a healthy run of each drill. */
export const CAPACITY: Readonly<Record<string, Events>> = {
  throughput: throughputEvents(60_000),
  'load-mixes': MIXES,
  connections: mark('connections', 100, {
    ...{ asked: 10_000, limit: '', opened: 10_000, answered: 10_000, refused: 0, gets: 300, getP99Ms: 1 },
  }),
  'memory-growth': [memoryPoints((keys) => 1_000_000 + keys * 1_200), nodeMemory],
  ...Object.fromEntries(
    ['http-smoke', 'http-load', 'http-stress', 'http-spike', 'http-soak'].map((id) => [id, k6Events()]),
  ),
  soak: [soakSamples(), loadStep({ mix: 'soak' }), nodeMemory],
};
