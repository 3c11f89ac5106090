/** Validity of waivers. Pure, so that judging uses it with the time of its evidence. */

/** Longest validity of a waiver after the day of the judgement: a longer one would amount to a change of the gate. */
export const MAX_WAIVER_DAYS = 30;

/** Last day, in UTC, that a waiver may name: `2030-01-31`. @param day an ISO date or instant */
export function latestWaiverDay(day: string): string {
  const ms = Date.parse(`${day.slice(0, 10)}T00:00:00Z`);
  return new Date(ms + MAX_WAIVER_DAYS * 24 * 3_600_000).toISOString().slice(0, 10);
}
