/** Builders of gates, figures and judged trials. */
import { type Gate, gatesSchema } from '../../../config/gates.ts';
import { PROMISES } from '../../../config/schema.ts';
import type { CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import { evaluate, type GateContext } from '../../../harness/gates/evaluate.ts';
import type { Criterion } from '../../../harness/gates/gate.ts';
import type { JudgedTrial } from '../../../harness/gates/read.ts';

export function buildGate(over: Record<string, unknown> = {}): Gate {
  const one = {
    id: 'a-gate',
    title: 'a gate of a test',
    source: 'C4',
    group: 'performance',
    workload: ['drill'],
    sli: { checker: 'a-checker', figure: 'figure', over: 'max', count: 'trials' },
    target: { op: '<', value: 100 },
    unit: 'ms',
    minN: { quick: 1, full: 1 },
    timing: false,
    remedy: 'change something',
    ...over,
  };
  const [parsed] = gatesSchema.parse({ gates: [one] }).gates;
  if (parsed === undefined) throw new Error('the gates file must contain a gate');
  return parsed;
}

/** Bounds that apply if gates.yaml sets none. */
export const BOUNDS = gatesSchema.parse({ gates: [buildGate()] }).machine;

export const valueFigure = (amount: number, n = 1): Figure => ({
  kind: 'value',
  value: amount,
  unit: 'ms',
  n,
});
export const ratioFigure = (successes: number, n: number): Figure => ({
  kind: 'proportion',
  successes,
  n,
  unit: 'ratio',
});

export function buildTrial(
  figure: Figure | undefined,
  over: Partial<JudgedTrial> = {},
  result: Partial<CheckResult> = {},
): JudgedTrial {
  const drill = over.drill ?? 'drill';
  return {
    drill,
    trial: 1,
    status: 'completed',
    files: [{ path: `trials/${drill}-1/kit.jsonl`, sha256: 'a'.repeat(64) }],
    missing: [],
    broken: [],
    results: [
      {
        checker: 'a-checker',
        drill,
        trial: 1,
        client: 'kit',
        validity: 'valid',
        reasons: [],
        figures: figure === undefined ? {} : { figure },
        ...result,
      },
    ],
    ...over,
  };
}

export function evaluateGate(
  one: Gate,
  trials: readonly JudgedTrial[],
  over: Partial<GateContext['run']> = {},
  context: Partial<GateContext> = {},
): Criterion {
  return evaluate(one, {
    run: {
      kind: 'readiness',
      environment: 'dev',
      substrate: 'local',
      profile: 'quick',
      topology: 'sentinel',
      promises: new Set(PROMISES),
      fastDetection: false,
      hasWatchdog: true,
      inputs: new Set(),
      asked: new Set(['drill']),
      fullOnly: new Set(),
      unsupported: new Map(),
      ...over,
    },
    judgedAt: '2030-01-01T00:00:00Z',
    trials,
    waivers: [],
    machine: BOUNDS,
    tainted: [],
    ...context,
  });
}

export const FULL = { profile: 'full' } as const;
export const buildTrials = (n: number, figure: (i: number) => Figure) =>
  Array.from({ length: n }, (_, i) => buildTrial(figure(i), { trial: i + 1 }));
