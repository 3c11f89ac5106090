/**
 * HTTP load by k6, from the summaries of its processes. Counts of several segments are added. A quantile over all
 * requests lies between the quantiles of the segments, so the highest of these is an upper bound.
 *
 * A run without requests is not measured, regardless of its thresholds. `missedThresholds` counts the thresholds that
 * did not hold. If k6 dropped iterations, it did not maintain the rate, and its figures are unreliable: either the
 * service or the machine was too slow.
 */
import type { Checker } from './checker.ts';
import {
  definedFigures,
  joinExamples,
  proportionFigure,
  unknownResult,
  valueFigure,
} from './history-queries.ts';

const REMEDY = 'Install k6 2 or build it once, as the reason says (docs/load.md, "k6").';

const DROPPED =
  'Look at the CPU of the service in the dashboard of k6. If it is idle, run again on a machine without other work; otherwise lower the rate.';

export const k6: Checker = {
  id: 'k6',
  proves: 'HTTP requests through the cache succeed at the requested rate',
  check({ observations }) {
    const marks = observations.filter(({ from }) => from === 'workload');
    const limit = marks.find(({ name }) => name === 'k6')?.data?.limit;
    if (typeof limit === 'string' && limit !== '') return unknownResult(limit, { remedy: REMEDY });
    const segments = marks.filter(({ name }) => name === 'k6-segment').map(({ data }) => data ?? {});
    const sum = (name: string) => segments.reduce((total, data) => total + Number(data[name] ?? 0), 0);
    const highest = (name: string) => Math.max(...segments.map((data) => Number(data[name] ?? 0)));
    const asked = marks.find(({ name }) => name === 'k6')?.data?.segments;
    const requests = sum('requests');
    if (requests === 0 || segments.some(({ requests: own }) => own === 0))
      return unknownResult('k6 sent no request');
    if (segments.length !== asked)
      return unknownResult(`${segments.length} of ${String(asked)} segments of k6 were recorded`);
    const missed = segments.flatMap((data) => (data.missed === '' ? [] : String(data.missed).split('; ')));
    // k6 reports this threshold only by its exit code.
    const unnamed = segments.filter(({ exitCode, missed: names }) => exitCode !== 0 && names === '').length;
    const figures = definedFigures({
      errors: proportionFigure(sum('failed'), requests),
      checks: proportionFigure(sum('checksPassed'), sum('checksPassed') + sum('checksFailed')),
      missedThresholds: valueFigure(missed.length + unnamed, 'thresholds', requests),
      dropped: valueFigure(sum('dropped'), 'iterations', requests),
      p95Ms: valueFigure(highest('p95Ms'), 'ms', requests),
      p99Ms: valueFigure(highest('p99Ms'), 'ms', requests),
    });
    const dropped = sum('dropped');
    if (dropped > 0)
      return unknownResult(`k6 dropped ${dropped} iterations and did not maintain the rate`, {
        figures,
        remedy: DROPPED,
      });
    return {
      validity: 'valid',
      reasons: missed.length > 0 ? [`missedThresholds: ${joinExamples([...new Set(missed)])}`] : [],
      figures,
    };
  },
};
