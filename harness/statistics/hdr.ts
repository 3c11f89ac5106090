/**
 * Log-linear histogram in the layout of HdrHistogram with three significant digits: exact below 2,048, within 0.1 %
 * from there on. Values are whole numbers from 0 to 2^32 - 1; in microseconds that is 71 minutes. Recording takes a few
 * instructions, histograms of several threads add up exactly, and the text form is evidence that a checker reads back
 * (docs/decisions/062-load-generator.md).
 */
const SUB_BUCKETS = 2_048;
const HALF = SUB_BUCKETS / 2;
/** log2 of `HALF`. */
const HALF_BITS = 10;
const MAX_VALUE = 2 ** 32 - 1;
const BUCKETS = SUB_BUCKETS + (32 - HALF_BITS - 1) * HALF;
/**
 * Initial number of buckets, which grows on demand: a soak that lasts hours holds thousands of histograms of small
 * values.
 */
const FIRST_BUCKETS = 512;

function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value;
  const shift = 31 - Math.clz32(value) - HALF_BITS;
  return SUB_BUCKETS + (shift - 1) * HALF + ((value >>> shift) - HALF);
}

/** Returns the highest value that a bucket holds. */
function highestOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const shift = Math.floor((bucket - SUB_BUCKETS) / HALF) + 1;
  const sub = HALF + ((bucket - SUB_BUCKETS) % HALF);
  return (sub + 1) * 2 ** shift - 1;
}

export class HdrHistogram {
  #counts = new Float64Array(FIRST_BUCKETS);
  #count = 0;

  /** Number of recorded values. */
  get count(): number {
    return this.#count;
  }

  /** Records a value, which is rounded and limited to the range. */
  record(value: number): void {
    const bucket = bucketOf(Math.min(MAX_VALUE, Math.max(0, Math.round(value))) >>> 0);
    this.#addTo(bucket, 1);
  }

  add(other: HdrHistogram): this {
    for (const [bucket, count] of other.entries()) this.#addTo(bucket, count);
    return this;
  }

  /**
   * Returns the value at a quantile (0 to 1) by nearest rank: the highest value of its bucket; 0 if nothing was
   * recorded.
   */
  quantile(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.entries()) {
      seen += count;
      if (seen >= rank) return highestOf(bucket);
    }
    return 0;
  }

  get mean(): number {
    let sum = 0;
    for (const [bucket, count] of this.entries()) sum += highestOf(bucket) * count;
    return this.#count === 0 ? 0 : sum / this.#count;
  }

  /** Yields the non-empty buckets in ascending order. */
  *entries(): Generator<readonly [bucket: number, count: number]> {
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      const count = this.#counts[bucket] as number;
      if (count > 0) yield [bucket, count];
    }
  }

  /** Returns `bucket:count` for every non-empty bucket, separated by spaces. */
  toText(): string {
    return [...this.entries()].map(([bucket, count]) => `${bucket}:${count}`).join(' ');
  }

  /** Parses the result of `toText`. Undefined if a bucket does not exist or the text has a different form. */
  static parse(text: string): HdrHistogram | undefined {
    const histogram = new HdrHistogram();
    if (text === '') return histogram;
    for (const pair of text.split(' ')) {
      const [, bucket, count] = /^(\d{1,5}):(\d{1,15})$/.exec(pair) ?? [];
      if (bucket === undefined || Number(bucket) >= BUCKETS) return undefined;
      histogram.#addTo(Number(bucket), Number(count));
    }
    return histogram;
  }

  #addTo(bucket: number, count: number): void {
    if (bucket >= this.#counts.length) this.#growFor(bucket);
    this.#counts[bucket] = (this.#counts[bucket] as number) + count;
    this.#count += count;
  }

  #growFor(bucket: number): void {
    const size = 2 ** Math.ceil(Math.log2(bucket + 1));
    const grown = new Float64Array(Math.min(BUCKETS, size));
    grown.set(this.#counts);
    this.#counts = grown;
  }
}
