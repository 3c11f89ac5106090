/**
 * Counts, among the values that the reads of a load returned, the hits and the values that belong to other keys. A late
 * generator does not affect these counts.
 */
import type { Checker } from './checker.ts';
import { definedFigures, proportionFigure, unknownResult, valueFigure } from './history-queries.ts';
import { type LoadStep, loadSteps } from './load-steps.ts';

export const loadValues: Checker = {
  id: 'load-values',
  proves: 'the reads of a load hit, and return the values of their own keys',
  check(history) {
    const steps = loadSteps(history);
    if (steps.length === 0) return unknownResult('no load step was measured');
    const sum = (amount: (step: LoadStep) => number) =>
      steps.reduce((total, each) => total + amount(each), 0);
    const reads = sum((step) => step.reads);
    const wrong = sum((step) => step.wrong);
    return {
      validity: wrong > 0 ? 'invalid' : 'valid',
      reasons: wrong > 0 ? [`wrong: ${wrong} reads returned the value of another key`] : [],
      figures: definedFigures({
        hits: proportionFigure(
          sum((step) => step.hits),
          reads,
        ),
        wrong: valueFigure(wrong, 'operations', reads),
      }),
    };
  },
};
