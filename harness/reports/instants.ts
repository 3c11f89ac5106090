/** Times in a report, computed without using the clock or the locale. */
import type { Report } from './report.ts';

/** Returns the elapsed time of the run, from its start to the judgement, in ms. */
export function elapsedMs({ run }: Report): number {
  return Math.max(0, epochMs(run.judgedAt) - epochMs(run.startedAt));
}

/**
 * Converts an ISO 8601 instant in UTC to milliseconds since 1970, computed from the civil calendar; returns 0 for any
 * other text.
 */
export function epochMs(iso: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z$/.exec(iso);
  if (match === null) return 0;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 7).map(Number);
  const ms = Number((match[7] ?? '0').padEnd(3, '0').slice(0, 3));
  // Years start in March here, so that the leap day is the last one (Hinnant, "chrono-Compatible Low-Level Date
  // Algorithms").
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + ms;
}
