/** Formats figures as text: sizes, ratios, times, aligned tables. Pure. */

const STEPS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** Formats a size as `12.3 MB`, in powers of 1024; `-` for null. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return '-';
  let [value, step] = [bytes, 0];
  while (Math.abs(value) >= 1024 && step < STEPS.length - 1) [value, step] = [value / 1024, step + 1];
  return `${step === 0 ? Math.round(value) : value.toFixed(1)} ${STEPS[step]}`;
}

/** Formats a ratio as `93.2 %`; `-` for null. */
export function percentText(ratio: number | null, decimals = 1): string {
  return ratio === null ? '-' : `${(ratio * 100).toFixed(decimals)} %`;
}

/** Formats a number as `12,345`, with at most the given number of decimals; `-` for null. */
export function countText(count: number | null, decimals = 0): string {
  return count === null ? '-' : count.toLocaleString('en-US', { maximumFractionDigits: decimals });
}

/** Formats a duration as `45 s`, `12 min`, `3.5 h` or `4.0 d`; `-` for null. */
export function durationText(seconds: number | null): string {
  if (seconds === null) return '-';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
}

/** Formats rows as lines with aligned columns. Columns from index `numbersFrom` on are right-aligned. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  numbersFrom = Number.POSITIVE_INFINITY,
): readonly string[] {
  const columns = Math.max(0, ...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column >= numbersFrom ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** Returns part / whole; null without observations. */
export function ratioOf(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

/** Formats a key for a terminal: unprintable bytes as `\xNN`, a backslash as `\\`. */
export function keyText(key: Buffer): string {
  const text = key.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(key);
  return (isText ? [...text] : [...key.toString('latin1')])
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (character === '\\') return '\\\\';
      const isControl = code < 32 || (code >= 127 && code < 160);
      return isControl || (!isText && code > 126) ? `\\x${code.toString(16).padStart(2, '0')}` : character;
    })
    .join('');
}
