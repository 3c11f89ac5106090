/**
 * Values as workloads write them: a short tag that identifies the write, then `|` and padding to a realistic size.
 * Histories and final reads contain the tag alone, so a trial's files stay small regardless of the payload.
 */
import type { Answer } from './adapter.ts';
import type { Random } from './random.ts';

export function padValue(tag: string, bytes: number): string {
  return tag.length + 1 >= bytes ? tag : `${tag}|${'x'.repeat(bytes - tag.length - 1)}`;
}

/** Returns the tag of a stored value; a text without padding is its own tag. */
export function logicalValue(stored: string): string {
  const bar = stored.indexOf('|');
  return bar === -1 ? stored : stored.slice(0, bar);
}

/** Returns the values of an answer as a history records them: their tags. */
export function tagsOf({
  value,
  values,
}: Pick<Answer, 'value' | 'values'>): Pick<Answer, 'value' | 'values'> {
  return {
    ...(typeof value === 'string' && { value: logicalValue(value) }),
    ...(values !== undefined && {
      values: values.map((each) => (each === null ? null : logicalValue(each))),
    }),
  };
}

/**
 * Sigma of the log-normal distribution of value sizes, ln(4700 / 224) / z(0.9): Twitter's cache traces have a median of
 * 224 B and a p90 of 4.7 KB (Yang, OSDI 2020).
 */
const LOG_NORMAL_SIGMA = Math.log(4_700 / 224) / 1.2816;

/**
 * Draws the size of a value in bytes: log-normal with this median and p90, limited to `maxBytes`, which also lowers the
 * mean.
 */
export function valueBytes(random: Random, maxBytes: number): number {
  return Math.min(maxBytes, Math.max(16, Math.round(224 * Math.exp(LOG_NORMAL_SIGMA * random.normal()))));
}
