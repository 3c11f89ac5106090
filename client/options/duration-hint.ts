/**
 * Milliseconds per unit of a duration in text form. Durations are numbers, and the option's name contains the unit
 * (docs/decisions/045-durations-are-numbers.md). Other clients accept '5m'; the error for such a string contains the
 * number to write instead.
 */
const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

/**
 * Returns `; write 300 …` for `ttlSeconds: '5m'`, and '' if the value is not a duration in text form or the option is
 * not a duration.
 */
export function durationHint(path: string, value: unknown): string {
  const ownMs = path.endsWith('Seconds') ? 1000 : path.endsWith('Ms') ? 1 : undefined;
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim()) : null;
  if (ownMs === undefined || !match) return '';
  const unit = (match[2] as string).toLowerCase();
  const unitMs = unit === '' ? ownMs : (UNITS_MS[unit] ?? UNITS_MS[unit.replace(/s$/, '')]);
  if (unitMs === undefined) return '';
  const number = (Number(match[1]) * unitMs) / ownMs;
  return `; write ${number}: a duration is a number, and the option's name has its unit`;
}
