/** Records a step as evidence: one `load-step` with its numbers, and one `load-histogram` per measure and kind. */
import { readFileSync } from 'node:fs';
import type { HistoryEvent } from '../../history/events.ts';
import { type CpuTimes, parseStat } from '../../samplers/machine/proc.ts';
import { HdrHistogram } from '../../statistics/hdr.ts';
import type { StepPlan, StepRequest, StepResult } from './protocol.ts';
import { plannedSums } from './schedule.ts';

/** One step, all threads together. */
export interface StepOutcome {
  /** Number of planned operations in the measured time. */
  readonly asked: number;
  readonly sentRatio: number;
  /** Share of the planned operations that Redis answered. */
  readonly answeredRatio: number;
  readonly lagP99Ms: number;
  /** Whether the intended times match the plan. Those of a closed loop would not. */
  readonly keptPlan: boolean;
  /** Returns a quantile in ms. @param measure `latency/get`, `service/set`, `lag` */
  quantileMs(measure: string, quantile: number): number;
}

export interface RecordedStep {
  readonly step: number;
  readonly request: StepRequest;
  readonly plans: readonly StepPlan[];
  readonly merged: StepResult;
  readonly cpu: CpuShares;
  readonly atUs: number;
  readonly record: (event: HistoryEvent) => void;
}

export interface CpuShares {
  readonly busyRatio: number | null;
  readonly stealRatio: number | null;
}

export function recordStep({ step, request, plans, merged, cpu, atUs, record }: RecordedStep): StepOutcome {
  const { counts, histograms } = merged;
  const planned = plans.map(plannedSums);
  const asked = planned.reduce((sum, plan) => sum + plan.asked, 0);
  const plannedSumUs = planned.reduce((sum, plan) => sum + plan.plannedSumUs, 0);
  const mark = { type: 'observe', from: 'workload', client: 'kit', atUs } as const;
  const { cpuMs, ...sums } = counts;
  record({
    ...mark,
    name: 'load-step',
    data: {
      ...{ step, mix: request.name, perSecond: request.perSecond, durationMs: request.durationMs },
      ...{ asked, plannedSumUs, ...sums, cpuMs: cpuMs === null ? null : Math.round(cpuMs), ...cpu },
    },
  });
  for (const [name, counted] of Object.entries(histograms)) {
    const [measure = '', kind = ''] = name.split('/');
    record({ ...mark, name: 'load-histogram', data: { step, measure, kind, counts: counted } });
  }
  const quantileMs = (measure: string, quantile: number) =>
    (HdrHistogram.parse(histograms[measure] ?? '')?.quantile(quantile) ?? 0) / 1_000;
  return {
    ...{ asked, sentRatio: ratioOf(counts.sent, asked), answeredRatio: ratioOf(counts.answered, asked) },
    ...{ lagP99Ms: quantileMs('lag', 0.99), keptPlan: counts.intendedSumUs === plannedSumUs, quantileMs },
  };
}

const ratioOf = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);

export function readCpu(): CpuTimes | undefined {
  try {
    return parseStat(readFileSync('/proc/stat', 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * Returns the busy and stolen shares of the CPU time of all cores between two readings; null if the system does not
 * provide these times.
 */
export function cpuShares(before: CpuTimes | undefined, after: CpuTimes | undefined): CpuShares {
  if (before === undefined || after === undefined) return { busyRatio: null, stealRatio: null };
  const busyMs = after.busyMs - before.busyMs;
  const stealMs = after.stealMs - before.stealMs;
  const totalMs = busyMs + stealMs + after.idleMs - before.idleMs;
  const share = (ms: number) => (totalMs > 0 ? Math.min(1, Math.max(0, ms / totalMs)) : null);
  return { busyRatio: share(busyMs), stealRatio: share(stealMs) };
}
