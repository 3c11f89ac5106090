/**
 * Measures one step in its thread: lag of the generator (actual minus intended send), latency (answer minus intended
 * send) and service time (answer minus actual send). Operations during the warm-up are not counted in any figure.
 */
import { HdrHistogram } from '../../statistics/hdr.ts';
import type { LoadKind, StepCounts, StepPlan, StepResult } from './protocol.ts';

export interface Settled {
  readonly kind: LoadKind;
  readonly intendedUs: number;
  readonly sentUs: number;
  readonly atUs: number;
  readonly outcome: 'answered' | 'failed';
  /** Whether a read returned the value of another key. */
  readonly wrong?: boolean;
  readonly reads?: number;
  readonly hits?: number;
}

type Sums = { -readonly [K in keyof Omit<StepCounts, 'cpuMs'>]: number };

export class LoadMeter {
  readonly #fromUs: number;
  readonly #lag = new HdrHistogram();
  readonly #byKind = new Map<string, HdrHistogram>();
  readonly #sums: Sums = {
    ...{ sent: 0, dropped: 0, answered: 0, failed: 0, wrong: 0, reads: 0, hits: 0, intendedSumUs: 0 },
  };

  constructor({ fromUs }: Pick<StepPlan, 'fromUs'>) {
    this.#fromUs = fromUs;
  }

  sent(intendedUs: number, atUs: number): void {
    if (intendedUs < this.#fromUs) return;
    this.#sums.sent++;
    this.#sums.intendedSumUs += intendedUs - this.#fromUs;
    this.#lag.record(atUs - intendedUs);
  }

  dropped(intendedUs: number): void {
    if (intendedUs < this.#fromUs) return;
    this.#sums.dropped++;
    this.#sums.intendedSumUs += intendedUs - this.#fromUs;
  }

  settled({ kind, intendedUs, sentUs, atUs, outcome, wrong = false, reads = 0, hits = 0 }: Settled): void {
    if (intendedUs < this.#fromUs) return;
    this.#sums[outcome]++;
    if (wrong) this.#sums.wrong++;
    this.#sums.reads += reads;
    this.#sums.hits += hits;
    // Only answers count, because a fast failure must not improve the latency figures.
    if (outcome === 'failed') return;
    this.#histogram(`latency/${kind}`).record(atUs - intendedUs);
    this.#histogram(`service/${kind}`).record(atUs - sentUs);
  }

  /** Returns the result. @param cpuMs CPU time of the thread during the step; null if the system does not provide it */
  result(cpuMs: number | null): StepResult {
    return {
      counts: { ...this.#sums, cpuMs },
      histograms: Object.fromEntries(
        [['lag', this.#lag] as const, ...this.#byKind].map(([name, histogram]) => [name, histogram.toText()]),
      ),
    };
  }

  #histogram(name: string): HdrHistogram {
    const known = this.#byKind.get(name) ?? new HdrHistogram();
    this.#byKind.set(name, known);
    return known;
  }
}

/** Adds the results of several threads or several machines. */
export function mergeResults(results: readonly StepResult[]): StepResult {
  const names = new Set(results.flatMap(({ histograms }) => Object.keys(histograms)));
  const sum = (name: keyof Omit<StepCounts, 'cpuMs'>) =>
    results.reduce((total, { counts }) => total + counts[name], 0);
  const cpuMs = results.reduce<number | null>(
    (total, { counts }) => (total === null || counts.cpuMs === null ? null : total + counts.cpuMs),
    0,
  );
  return {
    counts: {
      ...{ sent: sum('sent'), dropped: sum('dropped'), answered: sum('answered'), failed: sum('failed') },
      ...{ wrong: sum('wrong'), reads: sum('reads'), hits: sum('hits') },
      ...{ intendedSumUs: sum('intendedSumUs'), cpuMs },
    },
    histograms: Object.fromEntries(
      [...names].map((name) => {
        const merged = new HdrHistogram();
        for (const { histograms } of results) {
          const own = HdrHistogram.parse(histograms[name] ?? '');
          if (own === undefined) throw new Error(`the histogram ${name} of a load thread cannot be read`);
          merged.add(own);
        }
        return [name, merged.toText()];
      }),
    ),
  };
}
