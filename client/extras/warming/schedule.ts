/** Cron schedules for strategies, using the optional peer dependency croner. */
import { ConfigurationError } from '../../api/errors.ts';
import type { ResolvedStrategy } from './strategy.ts';

export interface Schedule {
  /** Returns the time of the next run; undefined if there are no more runs. */
  next(): Date | undefined;
  stop(): void;
}

/**
 * Starts a schedule.
 *
 * @throws ConfigurationError if croner is not installed, or cannot parse the expression or the time zone
 */
export async function runOnSchedule(
  { name, schedule = '', timezone }: ResolvedStrategy,
  run: () => void,
): Promise<Schedule> {
  const { Cron } = await import('croner').catch((error: unknown) => {
    throw new ConfigurationError(
      `strategy ${name}: schedule: ${JSON.stringify(schedule)} needs the package croner, which is not installed`,
      error,
    );
  });
  try {
    // The job is unref'd, so that a schedule does not keep the process alive.
    const job = new Cron(schedule, { unref: true, ...(timezone !== undefined && { timezone }) }, run);
    // croner does not check the time zone until it computes a run, so the next run is computed here.
    job.nextRun();
    return { next: () => job.nextRun() ?? undefined, stop: () => job.stop() };
  } catch (error) {
    throw new ConfigurationError(
      `strategy ${name}: schedule: ${JSON.stringify(schedule)}: ${(error as Error).message}`,
      error,
    );
  }
}
