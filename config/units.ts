import { z } from 'zod';

const UNIT: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};

/**
 * Parses a size in the notation of redis.conf: `2gb`, `512mb`, `100k`, `1048576`. `k`, `m`, `g` are powers of ten, and
 * `kb`, `mb`, `gb` powers of two (redis.conf, "Note on units").
 *
 * @returns the number of bytes, or undefined if the text is not a size
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match === null ? undefined : UNIT[(match[2] ?? '').toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/**
 * Formats a size in the notation of redis.conf, in the largest unit that represents it exactly: `2147483648` is `2gb`.
 */
export function formatBytes(size: number): string {
  for (const unit of ['gb', 'mb', 'kb'] as const) {
    const factor = UNIT[unit] ?? 1;
    if (size >= factor && size % factor === 0) return `${size / factor}${unit}`;
  }
  return String(size);
}

const SIZE = 'a size such as 512mb, above 0 (units b, k, kb, m, mb, g, gb)';

/**
 * Returns a schema for a size in bytes, in the notation of redis.conf.
 *
 * @param least minimum size; a smaller value usually means that the unit was forgotten: `512` is 512 bytes
 */
export function bytesSchema(least = 1) {
  return z
    .union([z.string(), z.number().int().min(1)])
    .transform((value, context) => {
      const size = typeof value === 'number' ? value : parseBytes(value);
      if (size === undefined || size < 1) {
        context.addIssue({ code: 'custom', message: `must be ${SIZE}, got '${value}'` });
        return z.NEVER;
      }
      if (size < least) {
        const message = `must be at least ${formatBytes(least)}, got '${value}'`;
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      return size;
    })
    .describe(SIZE);
}
