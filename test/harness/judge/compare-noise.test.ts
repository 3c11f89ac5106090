/**
 * Two runs of one commit: figures with equal distributions, drawn from a seed, differ only by noise. At most two of 200
 * comparisons (1 in 100) may report a change. The same comparison detects a real change.
 */
import { describe, expect, it } from 'vitest';
import type { Figure } from '../../../harness/checkers/checker.ts';
import { compareCriterion } from '../../../harness/judge/compare/criteria.ts';
import { buildGate, ratioFigure, valueFigure } from '../gates/gate-builders.ts';
import { seededDraw } from '../reports/example-trials.ts';
import { samplesFigure, sideOf } from './compare-sides.ts';

const PAIRS = 200;
const draw = seededDraw(11);
const timed = { timing: { latenessP99MaxMs: 5 } };

/** Latency in ms with a long tail, like that of a client on a network. */
const latency = (factor: number) =>
  factor * 0.3 * Math.exp(draw() + draw() + draw() + draw() - 2) * (draw() < 0.02 ? 1 + draw() * 20 : 1);
const times = <T>(n: number, make: () => T): readonly T[] => Array.from({ length: n }, make);

interface Kind {
  readonly name: string;
  readonly gate: ReturnType<typeof buildGate>;
  /** Figures of the trials of one run. A factor above 1 makes the values worse. */
  readonly figures: (factor: number) => readonly Figure[];
}

const KINDS: readonly Kind[] = [
  {
    name: 'a p95 of three trials',
    gate: buildGate({
      ...timed,
      sli: { checker: 'a-checker', figure: 'figure', stat: 'p95', over: 'max', count: 'observations' },
    }),
    figures: (factor) => times(3, () => samplesFigure(times(400, () => latency(factor)))),
  },
  {
    name: 'a share',
    gate: buildGate({
      ...{ unit: 'ratio', target: { op: '<=', value: 0.5 }, timing: false },
      sli: { checker: 'a-checker', figure: 'figure', over: 'pool', count: 'observations' },
    }),
    figures: (factor) =>
      times(3, () => ratioFigure(times(1000, draw).filter((each) => each < 0.02 * factor).length, 1000)),
  },
  {
    name: 'a gap of twelve trials',
    gate: buildGate(timed),
    figures: (factor) => times(12, () => valueFigure(factor * (1300 + draw() * 400))),
  },
];

describe.each(KINDS)('$name', ({ gate, figures }) => {
  const changes = (factor: number) =>
    times(PAIRS, () => compareCriterion(sideOf(gate, figures(1)), sideOf(gate, figures(factor))).change);

  it('is within noise between two runs of one commit', () => {
    const found = changes(1);
    expect(found.filter((change) => change === 'undecided')).toEqual([]);
    expect(found.filter((change) => change !== 'within-noise').length).toBeLessThanOrEqual(2);
  });

  it('is worse if its values are twice as large', () => {
    const found = changes(2);
    expect(found.filter((change) => change === 'better')).toEqual([]);
    expect(found.filter((change) => change === 'worse').length).toBeGreaterThan(PAIRS / 2);
  });
});
