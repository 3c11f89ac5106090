/** Measurement loops. Each round measures all subjects, so that other load on the machine affects all of them. */

export interface Measured {
  readonly name: string;
  /** Figures, one per round. */
  readonly rounds: readonly number[];
}

export interface Row {
  readonly name: string;
  /** Median over the rounds, in the unit of the scenario. */
  readonly median: number;
  readonly best: number;
  /** Median, over all rounds, of the ratio of this figure to the base's figure in the same round. */
  readonly ratio: number;
}

/** Returns the result rows. @param better whether a smaller or a larger figure is better */
export function rows(measured: readonly Measured[], base: string, better: 'less' | 'more'): readonly Row[] {
  const against = measured.find(({ name }) => name === base);
  if (!against) throw new Error(`${base} was not measured`);
  return measured.map(({ name, rounds }) => ({
    name,
    median: median(rounds),
    best: better === 'less' ? Math.min(...rounds) : Math.max(...rounds),
    ratio: median(rounds.map((figure, i) => figure / (against.rounds[i] as number))),
  }));
}

export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** Returns a quantile by the nearest-rank method. */
export function quantile(figures: readonly number[], q: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** Returns the median time per call with one caller, in microseconds. */
export async function oneCaller(calls: number, call: (i: number) => Promise<unknown>): Promise<number> {
  const times = new Float64Array(calls);
  for (let i = 0; i < calls; i++) {
    const at = performance.now();
    await call(i);
    times[i] = (performance.now() - at) * 1_000;
  }
  return quantile([...times], 0.5);
}

/** Returns the number of calls per second with the given number in flight. */
export async function inFlight(
  calls: number,
  callers: number,
  call: (i: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) await call(next++);
  };
  const at = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return calls / ((performance.now() - at) / 1_000);
}

/**
 * Returns the nanoseconds per call in a tight loop of awaited calls, for calls that are too short for individual clock
 * readings.
 */
export async function tight(calls: number, call: (i: number) => Promise<unknown>): Promise<number> {
  const at = performance.now();
  for (let i = 0; i < calls; i++) await call(i);
  return ((performance.now() - at) * 1e6) / calls;
}

/** Measures each subject once per round, in alternating order, and discards the first round. */
export async function inTurn<T extends { readonly name: string }>(
  subjects: readonly T[],
  rounds: number,
  measure: (subject: T) => Promise<number>,
): Promise<readonly Measured[]> {
  const figures = new Map(subjects.map(({ name }) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      const figure = await measure(subject);
      if (round >= 0) figures.get(subject.name)?.push(figure);
    }
  }
  return [...figures].map(([name, rounds]) => ({ name, rounds }));
}
