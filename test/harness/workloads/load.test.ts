/**
 * The load generator against a real Redis: the operations that it sends, its measurements, and the detection of its own
 * defects.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { load } from '../../../harness/checkers/load.ts';
import { loadSteps } from '../../../harness/checkers/load-steps.ts';
import { soak } from '../../../harness/checkers/soak.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import { clientSpec } from '../../../harness/workloads/adapter.ts';
import { LoadDriver, type LoadOptions } from '../../../harness/workloads/load/driver.ts';
import { LoadMeter } from '../../../harness/workloads/load/meter.ts';
import { MIXES } from '../../../harness/workloads/load/mixes.ts';
import type { StepPlan, StepRequest } from '../../../harness/workloads/load/protocol.ts';
import { scheduleOf } from '../../../harness/workloads/load/schedule.ts';
import { recordStep } from '../../../harness/workloads/load/step-record.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { buildContext, buildHistory, figureNumber, observation } from '../checkers/history-builders.ts';

const OPTIONS: LoadOptions = {
  ...{ threads: 1, caches: 1, catalogue: 100, zipfExponent: 0.99, maxValueBytes: 1_024, batch: 20 },
  ...{ inFlightBound: 1_000, seed: 1 },
};
const STEP: StepRequest = { name: 'B', mix: MIXES.B, perSecond: 300, durationMs: 600, warmUpMs: 100 };

interface Opened {
  readonly driver: LoadDriver;
  readonly events: HistoryEvent[];
}

let dir: string;
let environment: Environment;
/** `sound` uses the kit's client; `unsound` uses a client that is too slow and leaks memory. */
let sound: Opened;
let unsound: Opened;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'load-'));
  const topology = planTopology(loadEnvironment('single'));
  environment = await localSubstrate({ stateDir: join(dir, 'state') }).apply(topology, { ephemeral: true });
  const module = new URL('../../support/unsound-client.ts', import.meta.url).href;
  [sound, unsound] = await Promise.all([openDriver('sound'), openDriver('unsound', module)]);
});
afterAll(async () => {
  await sound?.driver[Symbol.asyncDispose]();
  await unsound?.driver[Symbol.asyncDispose]();
  await environment?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

/** Starts the threads and writes the catalogue. The returned events are the records of the driver. */
async function openDriver(tag: string, module?: string): Promise<Opened> {
  const events: HistoryEvent[] = [];
  const settings = { ...environment.topology.environment.client, ...PATIENT_LIMITS };
  const spec = clientSpec('kit', environment.endpoints, settings, module);
  const record = (event: HistoryEvent) => void events.push(event);
  const context = { spec, clock: openClock(), tag, signal: new AbortController().signal, record };
  const driver = await LoadDriver.open(context, OPTIONS);
  await driver.prepare();
  return { driver, events };
}

/** Runs a step. Returns its outcome, and the checker's finding for this step alone. */
async function runStep({ driver, events }: Opened, over: Partial<StepRequest> = {}) {
  const before = events.length;
  const outcome = await driver.step({ ...STEP, drainMs: 5_000, ...over });
  const history = buildHistory(events.slice(before));
  return { outcome, history, found: load.check(history, buildContext()) };
}

const PLAN: StepPlan = {
  ...{ mix: MIXES.C, hotShare: 0, count: 1_000, burst: 1, inFlightBound: 9, seed: 3 },
  ...{ startUs: 0, fromUs: 200_000, endUs: 1_200_000 },
};

/** All intended times in a plan. */
function timesOf(plan: StepPlan): readonly number[] {
  const { next } = scheduleOf(plan);
  return Array.from({ length: plan.count + 1 }, next).filter((dueUs) => dueUs !== undefined);
}

describe('a schedule', () => {
  it('has the planned number of ascending times within the step, which are the same for the same seed', () => {
    const times = timesOf(PLAN);
    expect(times).toHaveLength(1_000);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(PLAN.endUs);
    expect(timesOf(PLAN)).toEqual(times);
    expect(timesOf({ ...PLAN, seed: 4 })).not.toEqual(times);
  });

  it('gives all operations of a burst the same time', () => {
    const times = timesOf({ ...PLAN, burst: 100 });
    expect(times).toHaveLength(1_000);
    expect(new Set(times).size).toBe(10);
  });
});

describe('a load step on a real Redis', () => {
  it.each(Object.keys(MIXES) as (keyof typeof MIXES)[])(
    'with the mix %s sends the planned operations once, and Redis returns the right values',
    async (name) => {
      const perSecond = name === 'batches' ? 20 : STEP.perSecond;
      const { outcome, history } = await runStep(sound, { name, mix: MIXES[name], perSecond });
      const [step] = loadSteps(history);
      const counted = [...(step?.histograms ?? [])].filter(([kind]) => kind.startsWith('latency/'));
      const answered = counted.reduce((sum, [, { count }]) => sum + count, 0);
      expect(step).toMatchObject({ wrong: 0 });
      // On a busy machine, a few operations exceed the bound or are served from memory.
      for (const ratio of [outcome.sentRatio, outcome.answeredRatio, answered / (step?.asked ?? 0)])
        expect(ratio).toBeGreaterThan(0.8);
      expect(answered).toBeLessThanOrEqual(step?.asked ?? 0);
      expect(step?.reads).toBeGreaterThan(0);
      expect(step?.hits).toBeGreaterThan(0.8 * (step?.reads ?? 0));
    },
  );

  it('counts a pause of Redis in the latency of every operation that was due during the pause', async () => {
    const pauseMs = 200;
    const master = await environment.admin('redis-1');
    const commands = async () =>
      Number(/^total_commands_processed:(\d+)/m.exec(String(await master.call('INFO', 'stats')))?.[1]);
    const before = await commands();
    const step = runStep(sound, { perSecond: 1_000, durationMs: 2_000, warmUpMs: 0 });
    // A pause before the first operation or after the last one would not affect any latency.
    await expect
      .poll(commands, { interval: 10, message: 'commands of the step' })
      .toBeGreaterThan(before + 200);
    await master.call('CLIENT', 'PAUSE', String(pauseMs), 'ALL');
    const paused = await commands();
    const { outcome } = await step;
    expect(await commands(), 'commands after the pause').toBeGreaterThan(paused + 200);
    // The pause takes at least 1/10 of the measured time. In a closed loop, only a single operation would be slow.
    expect(outcome.quantileMs('latency/get', 0.99)).toBeGreaterThan(pauseMs / 4);
    expect(outcome.sentRatio).toBeGreaterThan(0.8);
  });
});

describe('an invalid load step', () => {
  it('is flagged if its thread is too busy to keep the schedule', async () => {
    const { outcome, found } = await runStep(unsound, { perSecond: 600, drainMs: 100 });
    expect(outcome.lagP99Ms).toBeGreaterThan(1);
    expect(found.validity).toBe('unknown');
    expect(found.reasons.join()).toMatch(/the lag of the generator|the generator sent/);
  });

  it('is flagged if operations are dropped', async () => {
    const { outcome, found } = await runStep(sound, { burst: 100, inFlightBound: 50 });
    expect(outcome.keptPlan).toBe(true);
    expect(outcome.sentRatio).toBeLessThan(0.7);
    expect(found.validity).toBe('unknown');
    expect(found.reasons.join()).toMatch(/the generator sent \d+(?:\.\d)? % of the requested operations/);
  });

  it('is flagged if it waits for replies, even if it sends the requested number of operations', () => {
    const meter = new LoadMeter(PLAN);
    let freeUs = 0;
    for (const dueUs of timesOf(PLAN)) {
      // A closed loop: the next operation begins after the last reply, and this moment is recorded as its intended
      // time.
      const sentUs = Math.max(dueUs, freeUs);
      freeUs = sentUs + (dueUs > 600_000 && dueUs < 605_000 ? 50_000 : 200);
      meter.sent(sentUs, sentUs);
      meter.settled({ kind: 'get', intendedUs: sentUs, sentUs, atUs: freeUs, outcome: 'answered' });
    }
    const events: HistoryEvent[] = [];
    const { keptPlan, sentRatio, lagP99Ms } = recordStep({
      ...{ step: 1, request: STEP, plans: [PLAN], merged: meter.result(0), atUs: 0 },
      ...{
        cpu: { busyRatio: null, stealRatio: null },
        record: (event: HistoryEvent) => void events.push(event),
      },
    });
    expect([sentRatio, lagP99Ms, keptPlan]).toEqual([1, 0, false]);
    const { validity, reasons } = load.check(buildHistory(events), buildContext());
    expect([validity, reasons.join()]).toEqual(['unknown', expect.stringMatching(/closed loop/)]);
  });
});

describe('a soak', () => {
  /** Lower bound on the client's memory growth in bytes per operation, measured by a short soak. */
  async function measureGrowth({ driver, events }: Opened): Promise<number> {
    let operations = 0;
    const before = events.length;
    for (let slice = 1; slice <= 9; slice++) {
      const { asked } = await driver.step({ ...STEP, durationMs: 400, warmUpMs: 0 });
      operations += asked;
      const servers = { usedBytes: 1, fragmentedBytes: 0, maxmemory: 1, lagBytes: 0, lagSeconds: 0 };
      const data = { slice, operations, ...(await driver.sampleHeap()), ...servers };
      events.push(observation('workload', 'soak-sample', slice, data));
    }
    const found = soak.check(buildHistory(events.slice(before)), buildContext());
    return figureNumber(found, 'leakBytesPerOperation') ?? Number.NaN;
  }

  it('detects a client that retains 4 KB per read', async () => {
    expect(await measureGrowth(unsound)).toBeGreaterThan(2_000);
  });

  it("detects no such growth in the kit's client", async () => {
    expect(await measureGrowth(sound)).toBeLessThan(1_000);
  });
});
