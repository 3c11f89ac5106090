/**
 * The open loop: a Poisson process on the run's clock. Operations are due according to the schedule, regardless of the
 * outcome of earlier ones; after a stall, all overdue operations are sent at once, each with its own intended time. A
 * closed loop would hide the stall.
 *
 * Node.js timers have a resolution of 1 ms, so every latency includes up to about 1 ms that is counted against the
 * client.
 */
import type { Clock } from '../history/clock.ts';
import type { Issuer, PlannedOperation } from './issuer.ts';
import type { Random } from './random.ts';

/**
 * A share of the load: its rate, and a function that returns the operation to send when it is due, or undefined if
 * there is nothing to send yet.
 */
export interface Lane {
  readonly perSecond: number;
  readonly next: () => PlannedOperation | undefined;
}

export interface OpenLoopOptions {
  readonly lanes: readonly Lane[];
  readonly clock: Clock;
  readonly issuer: Issuer;
  readonly random: Random;
  readonly startUs: number;
  /** End of the loop; if there is none, only the signal ends the loop. */
  readonly endUs?: number;
  readonly stopped: AbortSignal;
}

/** Runs the loop until its end or until it is stopped. Operations may still be in flight at that point. */
export function openLoop(options: OpenLoopOptions): Promise<void> {
  const { clock, random, stopped } = options;
  const lanes = options.lanes.filter((lane) => lane.perSecond > 0);
  const perSecond = lanes.reduce((sum, lane) => sum + lane.perSecond, 0);
  const endUs = options.endUs ?? Number.POSITIVE_INFINITY;
  if (perSecond === 0) return Promise.resolve();
  const gapUs = () => random.exponential(1e6 / perSecond);

  return new Promise((resolve) => {
    let dueUs = options.startUs + gapUs();
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
      resolve();
    };
    const sendDue = () => {
      while (dueUs <= clock.nowUs() && dueUs < endUs && !stopped.aborted) {
        const operation = drawLane(lanes, perSecond, random).next();
        if (operation !== undefined) void options.issuer.issue(Math.round(dueUs), operation);
        dueUs += gapUs();
      }
      if (dueUs >= endUs || stopped.aborted) end();
      else timer = setTimeout(sendDue, Math.max(0, (dueUs - clock.nowUs()) / 1_000));
    };
    stopped.addEventListener('abort', end);
    sendDue();
  });
}

/**
 * Draws a lane in proportion to its share of the rate. The union of Poisson processes is one Poisson process whose
 * events can be assigned in this way.
 */
function drawLane(lanes: readonly Lane[], perSecond: number, random: Random): Lane {
  let point = random.next() * perSecond;
  for (const lane of lanes) {
    point -= lane.perSecond;
    if (point < 0) return lane;
  }
  return lanes.at(-1) as Lane;
}
