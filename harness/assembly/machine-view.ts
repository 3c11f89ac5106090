/** Results of the checkers `machine` and `generator` → the machine during a trial as the report states it. Pure. */
import type { CheckResult } from '../checkers/checker.ts';
import type { MachineView } from '../reports/report.ts';

const CLIENT = 'kit';
const NOT_SAMPLED = 'not sampled: ';

/** @param leftOutOf criteria for which the trial is left out; undefined where the machine was not sampled */
export function machineView(
  results: readonly CheckResult[],
  leftOutOf: readonly string[],
): MachineView | undefined {
  const own = (checker: string) =>
    results.find((result) => result.checker === checker && result.client === CLIENT);
  const [machine, generator] = [own('machine'), own('generator')];
  if (machine === undefined || machine.validity === 'unknown') return undefined;
  const figures = { ...generator?.figures, ...machine.figures };
  const number = (name: string) => {
    const figure = figures[name];
    return figure?.kind === 'value' ? figure.value : null;
  };
  return {
    latenessP99Ms: number('latenessP99Ms'),
    latenessMaxMs: number('latenessMaxMs'),
    timerP99Ms: number('timerP99Ms'),
    timerMaxMs: number('timerMaxMs'),
    controlP50Ms: number('controlP50Ms'),
    controlP99Ms: number('controlP99Ms'),
    controlMachineP99Ms: number('controlMachineP99Ms'),
    diskMaxMs: number('diskMaxMs'),
    waitServerMaxMs: number('waitServerMaxMs'),
    waitHarnessMaxMs: number('waitHarnessMaxMs'),
    waitClientMaxMs: number('waitClientMaxMs'),
    loopGeneratorMaxMs: number('loopGeneratorMaxMs'),
    loopClientMaxMs: number('loopClientMaxMs'),
    stealRatio: number('stealRatio'),
    othersRatio: number('othersRatio'),
    runnablePerCore: number('runnablePerCore'),
    pressureRatio: number('pressureRatio'),
    load: number('load'),
    unsampled: machine.reasons.flatMap((reason) =>
      reason.startsWith(NOT_SAMPLED) ? reason.slice(NOT_SAMPLED.length).split('; ') : [],
    ),
    leftOutOf,
  };
}
