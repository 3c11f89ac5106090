/**
 * Loads measured in steps. Latency is measured from the intended start; the service time, which is measured from the
 * actual send, is reported too. Every step records the lag of its generator, and a step whose generator is not sound
 * makes the figures of the trial unreliable, so that a gate reads them as INVALID: the machine or the generator may be
 * the limit, rather than Redis.
 *
 * A sweep (`load-plan` with the requested rate) raises the rate until Redis no longer keeps up. `sustainedPerSecond` is
 * the highest rate of a sound step in which Redis answered at least 99 % of the operations, and the p99 of every kind
 * was within the knee's bound. The step that ends a sweep is expected to fail; if its generator was not sound and the
 * requested rate was not reached, the figure is `unknown`.
 *
 * `step<n>.<mix>.…` are the figures of one step in the report, which contains every step, or evenly spaced steps if
 * there are many.
 */
import type { History } from '../history/events.ts';
import type { Checker, Figure } from './checker.ts';
import {
  definedFigures,
  type Finding,
  joinExamples,
  proportionFigure,
  unknownResult,
  valueFigure,
} from './history-queries.ts';
import { type LoadStep, loadSteps, mergedHistogram } from './load-steps.ts';

/** Minimum share of answered operations for a rate to count as sustained. */
const ANSWERED_RATIO = 0.99;
const SINGLE = ['get', 'set', 'readModifyWrite'];
/**
 * Maximum number of steps in the report. A soak has one step per minute; a report with all steps would be unreadable.
 */
const MAX_STATED_STEPS = 40;
const REMEDY =
  'Measure on a machine with more cores or without other work, or ask for a lower rate: the generator shares its cores with the servers.';

export const load: Checker = {
  id: 'load',
  proves: 'rates, latencies and hits of a load whose generator kept its own schedule',
  check(history) {
    const steps = loadSteps(history);
    if (steps.length === 0) return unknownResult('no load step was measured');
    const figures = { ...stepFigures(steps), ...limitFigures(history) };
    const sweep = sweepOf(history);
    return sweep === undefined ? judgeSteps(steps, figures) : judgeSweep(steps, sweep, figures);
  },
};

type Figures = Readonly<Record<string, Figure | undefined>>;

function judgeSteps(steps: readonly LoadStep[], stated: Figures): Finding {
  const sum = (amount: (step: LoadStep) => number) => steps.reduce((total, step) => total + amount(step), 0);
  const asked = sum((step) => step.asked);
  const p = (quantile: number, kinds: readonly string[], of = steps) => {
    const merged = mergedHistogram(of, 'latency', kinds);
    return merged && valueFigure(merged.quantile(quantile) / 1_000, 'ms', merged.count);
  };
  const bursts = steps.filter(({ mix }) => mix.startsWith('burst'));
  const unsound = steps.filter(({ flaws }) => flaws.length > 0);
  const figures = definedFigures({
    ...stated,
    ...{ getP99Ms: p(0.99, ['get']), setP99Ms: p(0.99, ['set']), operationP99Ms: p(0.99, SINGLE) },
    ...{ batchGetP95Ms: p(0.95, ['getMany']), batchSetP95Ms: p(0.95, ['setMany']) },
    concurrentP99Ms: p(0.99, SINGLE, bursts),
    answered: proportionFigure(
      sum((step) => step.answered),
      asked,
    ),
  });
  if (unsound.length === 0) return { validity: 'valid', reasons: [], figures };
  const reasons = unsound.map(({ mix, perSecond, flaws }) => `${mix} at ${perSecond}/s: ${flaws.join('; ')}`);
  return unknownResult(joinExamples(reasons), { figures, remedy: REMEDY });
}

interface Sweep {
  readonly wantedPerSecond: number;
  readonly kneeP99Ms: number;
}

function sweepOf({ observations }: History): Sweep | undefined {
  const plan = observations.find(({ from, name }) => from === 'workload' && name === 'load-plan');
  const { wantedPerSecond, kneeP99Ms } = plan?.data ?? {};
  return typeof wantedPerSecond === 'number' && typeof kneeP99Ms === 'number'
    ? { wantedPerSecond, kneeP99Ms }
    : undefined;
}

function judgeSweep(
  steps: readonly LoadStep[],
  { wantedPerSecond, kneeP99Ms }: Sweep,
  stated: Figures,
): Finding {
  const isKept = (step: LoadStep) =>
    step.flaws.length === 0 &&
    step.wrong === 0 &&
    step.answered >= ANSWERED_RATIO * step.asked &&
    [...step.histograms].every(
      ([name, histogram]) => !name.startsWith('latency/') || histogram.quantile(0.99) / 1_000 <= kneeP99Ms,
    );
  const sustained = Math.max(0, ...steps.filter(isKept).map(({ perSecond }) => perSecond));
  const above = steps.find((step) => step.perSecond > sustained && !isKept(step));
  const figures = definedFigures({
    ...stated,
    sustainedPerSecond: valueFigure(
      sustained,
      'ops/s',
      steps.reduce((sum, { asked }) => sum + asked, 0),
    ),
  });
  const limit = highestLimit(stated);
  // The server alone does not reach the requested rate, so the generator is not the bottleneck. On a machine where no
  // step was sound, redis-benchmark was slowed down as well.
  const isMachineProven = steps.some(({ flaws }) => flaws.length === 0);
  if (limit !== undefined && limit < wantedPerSecond && isMachineProven) {
    const reason = `the server alone answers ${Math.round(limit)} ops/s (redis-benchmark)`;
    return { validity: 'valid', reasons: [reason], figures };
  }
  if (sustained >= wantedPerSecond || above === undefined || above.flaws.length === 0)
    return { validity: 'valid', reasons: [], figures };
  const reason = `${sustained} ops/s were sustained, and at ${above.perSecond}/s ${above.flaws.join('; ')}`;
  return unknownResult(reason, { figures, remedy: REMEDY });
}

/** Returns the figures of the steps that the report shows. */
function stepFigures(steps: readonly LoadStep[]): Figures {
  const distance = Math.ceil(steps.length / MAX_STATED_STEPS);
  const stated = steps.filter((_, i) => i % distance === 0);
  return Object.fromEntries(
    stated.flatMap((step) => {
      const { asked, sent, answered, histograms, lagP99Ms } = step;
      const of = (name: string) => `step${step.step}.${step.mix}.${name}`;
      const ratio = (amount: number | undefined) =>
        amount === undefined ? undefined : valueFigure(amount, 'ratio', asked);
      const ms = (name: string, quantile: number) => {
        const histogram = histograms.get(name);
        return histogram && valueFigure(histogram.quantile(quantile) / 1_000, 'ms', histogram.count);
      };
      const kinds = [...histograms.keys()].filter((name) => name.startsWith('latency/'));
      return [
        [of('perSecond'), valueFigure(step.perSecond, 'ops/s', asked)],
        [of('sent'), ratio(sent / asked)],
        [of('answered'), ratio(answered / asked)],
        [
          of('lagP99Ms'),
          Number.isFinite(lagP99Ms) ? valueFigure(lagP99Ms, 'ms', Math.max(1, sent)) : undefined,
        ],
        [of('busy'), ratio(step.busyRatio)],
        [of('steal'), ratio(step.stealRatio)],
        ...kinds.flatMap((name) => [
          [of(`${name}P50Ms`), ms(name, 0.5)] as const,
          [of(`${name}P99Ms`), ms(name, 0.99)] as const,
          [
            of(`${name.replace('latency', 'service')}P99Ms`),
            ms(name.replace('latency', 'service'), 0.99),
          ] as const,
        ]),
      ] as const;
    }),
  );
}

function highestLimit(stated: Figures): number | undefined {
  const limits = Object.entries(stated).flatMap(([name, figure]) =>
    name.startsWith('limit.') && figure?.kind === 'value' ? [figure.value] : [],
  );
  return limits.length === 0 ? undefined : Math.max(...limits);
}

/** Returns the maximum rate of the server alone, as measured by redis-benchmark. */
function limitFigures({ observations }: History): Figures {
  const limits = observations.filter(({ from, name }) => from === 'workload' && name === 'server-limit');
  return Object.fromEntries(
    limits.flatMap(({ data = {} }) =>
      typeof data.perSecond === 'number' && typeof data.requests === 'number'
        ? [[`limit.${data.test}`, valueFigure(data.perSecond, 'ops/s', data.requests)] as const]
        : [],
    ),
  );
}
