/**
 * Intended times of a step: a Poisson process conditioned on exactly `count` events. A plain Poisson process has a
 * random number of events, so if the generator lost 1 % of the operations, the loss could not be distinguished from
 * chance.
 */
import { type Random, seededRandom } from '../random.ts';
import type { StepPlan } from './protocol.ts';

export interface Schedule {
  /**
   * Returns the next intended time, in microseconds on the run's clock, in ascending order; undefined after the last
   * one.
   */
  next(): number | undefined;
}

export function scheduleOf(plan: Pick<StepPlan, 'count' | 'burst' | 'seed' | 'startUs' | 'endUs'>): Schedule {
  const { burst, endUs } = plan;
  const random: Random = seededRandom(plan.seed, 'schedule');
  let moments = Math.ceil(plan.count / burst);
  let remaining = plan.count;
  let atUs = plan.startUs;
  let ofMoment = 0;
  return {
    next() {
      if (remaining === 0) return undefined;
      if (ofMoment === 0) {
        // The earliest of `moments` uniform times in the rest of the step.
        atUs += (endUs - atUs) * (1 - random.next() ** (1 / moments));
        moments--;
        ofMoment = burst;
      }
      ofMoment--;
      remaining--;
      return Math.floor(atUs);
    },
  };
}

/**
 * Returns the number of measured operations in a plan, and the sum of their intended times, counted from the start of
 * the measured time.
 */
export function plannedSums(plan: StepPlan): { readonly asked: number; readonly plannedSumUs: number } {
  const schedule = scheduleOf(plan);
  let asked = 0;
  let plannedSumUs = 0;
  for (let dueUs = schedule.next(); dueUs !== undefined; dueUs = schedule.next()) {
    if (dueUs < plan.fromUs) continue;
    asked++;
    plannedSumUs += dueUs - plan.fromUs;
  }
  return { asked, plannedSumUs };
}
