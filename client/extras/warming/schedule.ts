/** Cron schedules of strategies, by the optional peer croner. */
import { ConfigurationError } from '../../api/errors.ts';
import type { ResolvedStrategy } from './strategy.ts';

export interface Schedule {
  /** undefined: never again. */
  next(): Date | undefined;
  stop(): void;
}

/** @throws ConfigurationError croner is not installed, or it cannot read the expression or the time zone */
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
    // Unref'd: a schedule does not keep the process alive.
    const job = new Cron(schedule, { unref: true, ...(timezone !== undefined && { timezone }) }, run);
    // croner checks the time zone at the first use.
    job.nextRun();
    return { next: () => job.nextRun() ?? undefined, stop: () => job.stop() };
  } catch (error) {
    throw new ConfigurationError(
      `strategy ${name}: schedule: ${JSON.stringify(schedule)}: ${(error as Error).message}`,
      error,
    );
  }
}
