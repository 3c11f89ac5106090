/** Validity of waivers. Pure, so that judging can use it with the time recorded in the evidence. */

/**
 * Maximum validity of a waiver in days after the day of the judgement. A longer one would amount to a change to the
 * gate.
 */
export const MAX_WAIVER_DAYS = 30;

/** Returns the last day, in UTC, to which a waiver may extend: `2030-01-31`. @param day an ISO date or instant */
export function latestWaiverDay(day: string): string {
  const ms = Date.parse(`${day.slice(0, 10)}T00:00:00Z`);
  return new Date(ms + MAX_WAIVER_DAYS * 24 * 3_600_000).toISOString().slice(0, 10);
}
