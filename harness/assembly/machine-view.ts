/** Shows the machine during a trial in the report, from the results of the checkers `machine` and `generator`. Pure. */
import type { CheckResult } from '../checkers/checker.ts';
import type { MachineView } from '../reports/report.ts';

const CLIENT = 'kit';
const NOT_SAMPLED = 'not sampled: ';

/**
 * Returns the view; undefined if the machine was not sampled.
 *
 * @param leftOutOf criteria from which the trial is left out
 */
export function machineView(
  results: readonly CheckResult[],
  leftOutOf: readonly string[],
): MachineView | undefined {
  const ownResults = (checker: string) =>
    results.find((result) => result.checker === checker && result.client === CLIENT);
  const [machine, generator] = [ownResults('machine'), ownResults('generator')];
  if (machine === undefined || machine.validity === 'unknown') return undefined;
  const figures = { ...generator?.figures, ...machine.figures };
  const numberOf = (name: string) => {
    const figure = figures[name];
    return figure?.kind === 'value' ? figure.value : null;
  };
  return {
    latenessP99Ms: numberOf('latenessP99Ms'),
    latenessMaxMs: numberOf('latenessMaxMs'),
    timerP99Ms: numberOf('timerP99Ms'),
    timerMaxMs: numberOf('timerMaxMs'),
    controlP50Ms: numberOf('controlP50Ms'),
    controlP99Ms: numberOf('controlP99Ms'),
    controlMachineP99Ms: numberOf('controlMachineP99Ms'),
    diskMaxMs: numberOf('diskMaxMs'),
    waitServerMaxMs: numberOf('waitServerMaxMs'),
    waitHarnessMaxMs: numberOf('waitHarnessMaxMs'),
    waitClientMaxMs: numberOf('waitClientMaxMs'),
    loopGeneratorMaxMs: numberOf('loopGeneratorMaxMs'),
    loopClientMaxMs: numberOf('loopClientMaxMs'),
    stealRatio: numberOf('stealRatio'),
    othersRatio: numberOf('othersRatio'),
    runnablePerCore: numberOf('runnablePerCore'),
    pressureRatio: numberOf('pressureRatio'),
    load: numberOf('load'),
    unsampled: machine.reasons.flatMap((reason) =>
      reason.startsWith(NOT_SAMPLED) ? reason.slice(NOT_SAMPLED.length).split('; ') : [],
    ),
    leftOutOf,
  };
}
