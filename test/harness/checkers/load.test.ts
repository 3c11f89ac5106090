/** Load steps, connections, memory, k6 and soaks: hand-written histories, and the arithmetic of the checkers. */
import { describe, expect, it } from 'vitest';
import { capacity } from '../../../harness/checkers/capacity.ts';
import { k6 } from '../../../harness/checkers/k6.ts';
import { load } from '../../../harness/checkers/load.ts';
import { soak } from '../../../harness/checkers/soak.ts';
import { HdrHistogram } from '../../../harness/statistics/hdr.ts';
import { slopeBounds, straightLine } from '../../../harness/statistics/regression.ts';
import { mergeResults } from '../../../harness/workloads/load/meter.ts';
import { readThreadCpuMs } from '../../../harness/workloads/load/thread-cpu.ts';
import { k6Events, loadPlan, loadStep, soakSamples, throughputEvents } from '../capacity-histories.ts';
import { buildContext, buildHistory, type Events, figureNumber, observation } from './history-builders.ts';

const judge = (...events: readonly Events[]) => load.check(buildHistory(...events), buildContext());

describe('HdrHistogram', () => {
  const recorded = (values: readonly number[]) => {
    const histogram = new HdrHistogram();
    for (const value of values) histogram.record(value);
    return histogram;
  };

  it('computes quantiles by nearest rank within 0.1 %, over the entire range', () => {
    for (const scale of [1, 37, 4_321, 400_000]) {
      const histogram = recorded(Array.from({ length: 10_000 }, (_, i) => (i + 1) * scale));
      for (const quantile of [0.5, 0.95, 0.99, 1])
        expect(Math.abs(histogram.quantile(quantile) / (quantile * 10_000 * scale) - 1)).toBeLessThan(0.001);
    }
  });

  it('can be merged into the histogram of all values, even after conversion to text', () => {
    const [a, b] = [
      [1, 5, 5_000, 2 ** 31],
      [7, 5, 123_456],
    ];
    const merged = HdrHistogram.parse(recorded(a ?? []).toText())?.add(recorded(b ?? []));
    expect(merged?.toText()).toBe(recorded([...(a ?? []), ...(b ?? [])]).toText());
  });

  it.each(['1', '1:2:3', 'x:1', '99999:1', '1:-1', '1:1  2:1'])('rejects the text %j', (text) => {
    expect(HdrHistogram.parse(text)).toBeUndefined();
  });
});

describe('a straight line', () => {
  it('through collinear points has their slope, and explains all of their variance', () => {
    const points = [0, 1, 2, 3, 4].map((x) => ({ x, y: 3 + 2 * x }));
    expect(straightLine(points)).toMatchObject({ slope: 2, determination: 1 });
    expect(slopeBounds(points)?.map((bound) => bound.toFixed(9))).toEqual(['2.000000000', '2.000000000']);
  });

  it('has slope bounds below and above 0 for noise without growth', () => {
    const noise = Array.from({ length: 20 }, (_, i) => ({ x: i, y: 1_000 + ((i * 7_919) % 97) }));
    const [lower, upper] = slopeBounds(noise) ?? [];
    expect([lower, upper]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(Number(lower)).toBeLessThan(0);
    expect(Number(upper)).toBeGreaterThan(0);
  });
});

describe('a sweep', () => {
  it('reports the highest rate below the latency knee as sustained', () => {
    const found = judge(throughputEvents(30_000));
    expect([found.validity, figureNumber(found, 'sustainedPerSecond')]).toEqual(['valid', 30_000]);
  });

  it('is unknown if the generator was late at the rate that ended the sweep', () => {
    const late = loadStep({ step: 2, perSecond: 40_000, lagMs: 5, latencyMs: { get: 20 } });
    const found = judge(loadPlan(), loadStep({ perSecond: 20_000 }), late);
    expect([found.validity, figureNumber(found, 'sustainedPerSecond')]).toEqual(['unknown', 20_000]);
  });

  it('is valid if redis-benchmark shows that the server is slower than the target rate', () => {
    const late = loadStep({ step: 2, perSecond: 40_000, lagMs: 5, latencyMs: { get: 20 } });
    const limit = observation('workload', 'server-limit', 1, { test: 'get', perSecond: 9_000, requests: 9 });
    const found = judge(loadPlan(), limit, loadStep({ perSecond: 20_000 }), late);
    expect(found).toMatchObject({ validity: 'valid', reasons: [expect.stringContaining('9000 ops/s')] });
  });

  it('is unknown if no step was valid, even if redis-benchmark measured a server limit', () => {
    const limit = observation('workload', 'server-limit', 1, { test: 'get', perSecond: 9_000, requests: 9 });
    const found = judge(loadPlan(), limit, loadStep({ perSecond: 2_500, lagMs: 8 }));
    expect([found.validity, found.reasons.join()]).toEqual(['unknown', expect.stringMatching(/lag/)]);
  });

  it('is valid if the generator was late only above the target rate', () => {
    const late = loadStep({ step: 2, perSecond: 80_000, lagMs: 5 });
    const found = judge(loadPlan(), loadStep({ perSecond: 50_000 }), late);
    expect([found.validity, figureNumber(found, 'sustainedPerSecond')]).toEqual(['valid', 50_000]);
  });
});

describe('the generator of a step', () => {
  it.each([
    ['a lag above 1 ms', { lagMs: 1.2 }, /lag/],
    ['fewer than 99 % of the operations', { over: { sent: 11_800, dropped: 200 } }, /98.3 %/],
    ['intended times that differ from the plan', { over: { intendedSumUs: 8 } }, /closed loop/],
    ['operations that are neither sent nor dropped', { over: { sent: 11_999 } }, /closed loop/],
  ])('makes the figures unknown with %s', (_, options, reason) => {
    const found = judge(loadStep(options));
    expect([found.validity, found.reasons.join()]).toEqual(['unknown', expect.stringMatching(reason)]);
  });
});

it('a load with many steps reports evenly spaced steps only', () => {
  const found = judge(...Array.from({ length: 100 }, (_, i) => loadStep({ step: i + 1, asked: 10 })));
  const stated = Object.keys(found.figures).filter((name) => name.endsWith('.perSecond'));
  expect(stated).toHaveLength(34);
  expect(stated.at(-1)).toBe('step100.B.perSecond');
});

describe('a soak', () => {
  const judged = (heapBytes: (operations: number) => number) =>
    soak.check(
      buildHistory(soakSamples((operations) => ({ heapBytes: Math.round(heapBytes(operations)) }))),
      buildContext(),
    );
  const noise = (operations: number) => ((operations * 7_919) % 997) * 1_000;

  it('rules out a leak if the noise is small, and detects a significant leak', () => {
    const sound = judged(() => 20_000_000);
    expect(sound.unmeasured).toBeUndefined();
    expect(figureNumber(sound, 'leakBytesPerOperation')).toBe(0);
    const leak = judged((operations) => 20_000_000 + 100 * operations + noise(operations) / 100);
    expect(leak.unmeasured).toBeUndefined();
    expect(figureNumber(leak, 'leakBytesPerOperation')).toBeGreaterThan(90);
  });

  it('is unknown if the noise could hide a leak', () => {
    const found = judged((operations) => 20_000_000 + 20 * operations + noise(operations));
    expect(found.unmeasured).toEqual({
      leakBytesPerOperation: expect.stringMatching(/too noisy to exclude 16$/),
    });
  });
});

it('the CPU time of a thread is measured whether or not Node.js has a function for it', () => {
  expect(readThreadCpuMs(() => ({ user: 1_500, system: 500 }))).toBe(2);
  const before = readThreadCpuMs(null);
  if (process.platform !== 'linux') return;
  const untilMs = performance.now() + 20;
  while (performance.now() < untilMs);
  expect(Number(readThreadCpuMs(null)) - Number(before)).toBeGreaterThan(0);
});

describe('capacity', () => {
  const held = (data: Readonly<Record<string, string | number>>) =>
    capacity.check(
      buildHistory(observation('workload', 'connections', 1, { asked: 10_000, ...data })),
      buildContext(),
    );

  it('is not measured if the limits of this machine do not allow that many connections', () => {
    const found = held({ limit: 'this process may open 1024 files' });
    expect([found.figures, found.unmeasured]).toEqual([
      {},
      { connections: 'this process may open 1024 files' },
    ]);
  });

  it('counts the connections that replied', () => {
    expect(figureNumber(held({ limit: '', answered: 9_500 }), 'connections')).toBe(9_500);
  });
});

describe('k6', () => {
  const judged = (...events: readonly Events[]) => k6.check(buildHistory(...events), buildContext());
  const segments = (...over: readonly Parameters<typeof k6Events>[0][]) =>
    over.map((each, i) => (i === 0 ? k6Events(each, { segments: over.length }) : k6Events(each).slice(1)));

  it('sums its segments, with the highest quantile as the bound for all of them', () => {
    const found = judged(...segments({ requests: 600, p99Ms: 4 }, { requests: 400, failed: 10, p99Ms: 9 }));
    expect(found.figures).toMatchObject({
      errors: { kind: 'proportion', successes: 10, n: 1_000 },
      p99Ms: { value: 9 },
    });
  });

  it('is not measured without k6, or if a segment has no requests or is missing', () => {
    for (const events of [
      k6Events({}, { limit: 'k6 is not installed' }).slice(0, 1),
      segments({}, { requests: 0 }).flat(),
      k6Events({}, { segments: 2 }),
    ])
      expect(judged(events)).toMatchObject({ validity: 'unknown', figures: {} });
  });

  it('is unknown if k6 dropped iterations', () => {
    const found = judged(k6Events({ exitCode: 99, missed: 'dropped_iterations count==0', dropped: 3 }));
    expect(found).toMatchObject({ validity: 'unknown', reasons: [expect.stringMatching(/dropped 3/)] });
    expect(figureNumber(found, 'missedThresholds')).toBe(1);
  });

  it('counts a failed threshold that only the exit code reports', () => {
    expect(figureNumber(judged(k6Events({ exitCode: 99 })), 'missedThresholds')).toBe(1);
  });
});

it('results from several machines are summed into one result', () => {
  const counts = {
    sent: 2,
    dropped: 1,
    answered: 2,
    failed: 0,
    wrong: 0,
    reads: 2,
    hits: 1,
    intendedSumUs: 9,
    cpuMs: 4,
  };
  const merged = mergeResults([
    { counts, histograms: { lag: '5:1', 'latency/get': '7:2' } },
    { counts, histograms: { lag: '5:2 9:1' } },
  ]);
  expect(merged.counts).toMatchObject({ sent: 4, dropped: 2, hits: 2, intendedSumUs: 18 });
  expect(merged.histograms).toEqual({ lag: '5:3 9:1', 'latency/get': '7:2' });
});
