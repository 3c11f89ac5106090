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
 * Bytes as redis.conf writes them: `2gb`, `512mb`, `100k`, `1048576`.
 * `k`, `m`, `g` are powers of ten and `kb`, `mb`, `gb` powers of two (redis.conf, "Note on units").
 *
 * @returns the number of bytes, or undefined where the text is not a size
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(text.trim());
  const unit = match === null ? undefined : UNIT[(match[2] ?? '').toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** A schema for a size in bytes, written as redis.conf writes it. */
export function bytes() {
  return z.union([z.string(), z.number().int().min(1)]).transform((value, context) => {
    const size = typeof value === 'number' ? value : parseBytes(value);
    if (size === undefined || size < 1) {
      context.addIssue({
        code: 'custom',
        message: `'${value}' is not a size; allowed: a number with b, k, kb, m, mb, g or gb, such as 512mb`,
      });
      return z.NEVER;
    }
    return size;
  });
}
