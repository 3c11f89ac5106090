/** Reads the steps of a load (`harness/workloads/load/`) from a history, with the defects of each step's generator. */
import type { History, ObservationEvent } from '../history/events.ts';
import { HdrHistogram } from '../statistics/hdr.ts';

/** Bounds on the lag of a sound generator. The targets for the latencies that it measures are 5 and 10 ms. */
const SOUND_LAG_P99_MS = 1;
const SOUND_SENT_RATIO = 0.99;

export interface LoadStep {
  readonly step: number;
  readonly mix: string;
  readonly perSecond: number;
  /** Number of planned operations in the measured part. */
  readonly asked: number;
  readonly sent: number;
  readonly answered: number;
  /** Number of reads that returned the value of another key. */
  readonly wrong: number;
  readonly reads: number;
  readonly hits: number;
  readonly busyRatio: number | undefined;
  readonly stealRatio: number | undefined;
  readonly lagP99Ms: number;
  /** Descriptions of the generator's defects; empty for a sound step. */
  readonly flaws: readonly string[];
  /** Histograms in microseconds, by `<measure>/<kind>`; `lag` has no kind. */
  readonly histograms: ReadonlyMap<string, HdrHistogram>;
}

export function loadSteps(history: History): readonly LoadStep[] {
  const marks = history.observations.filter(({ from }) => from === 'workload');
  const counted = Map.groupBy(
    marks.filter(({ name }) => name === 'load-histogram'),
    ({ data }) => data?.step,
  );
  return marks
    .filter(({ name }) => name === 'load-step')
    .map((mark) => readStep(mark, counted.get(mark.data?.step) ?? []));
}

/** Reads one step. @param own histograms of this step */
function readStep({ data = {} }: ObservationEvent, own: readonly ObservationEvent[]): LoadStep {
  const numberOf = (name: string) => (typeof data[name] === 'number' ? data[name] : 0);
  const shareOf = (name: string) => (typeof data[name] === 'number' ? data[name] : undefined);
  const histograms = new Map(
    own.flatMap(({ data: each = {} }) => {
      const histogram = HdrHistogram.parse(String(each.counts ?? ''));
      const kind = each.kind === '' ? '' : `/${each.kind}`;
      return histogram === undefined ? [] : [[`${each.measure}${kind}`, histogram] as const];
    }),
  );
  const lag = histograms.get('lag');
  const step = {
    ...{ step: numberOf('step'), mix: String(data.mix ?? ''), perSecond: numberOf('perSecond') },
    ...{ asked: numberOf('asked'), sent: numberOf('sent'), answered: numberOf('answered') },
    ...{ wrong: numberOf('wrong'), reads: numberOf('reads'), hits: numberOf('hits') },
    ...{ busyRatio: shareOf('busyRatio'), stealRatio: shareOf('stealRatio') },
    lagP99Ms: lag === undefined || lag.count === 0 ? Number.POSITIVE_INFINITY : lag.quantile(0.99) / 1_000,
  };
  const keptPlan =
    typeof data.plannedSumUs === 'number' &&
    data.plannedSumUs === data.intendedSumUs &&
    step.asked === step.sent + numberOf('dropped');
  return { ...step, flaws: flawsOf(step, keptPlan), histograms };
}

function flawsOf(
  { asked, sent, lagP99Ms }: Pick<LoadStep, 'asked' | 'sent' | 'lagP99Ms'>,
  keptPlan: boolean,
): readonly string[] {
  const sentRatio = asked === 0 ? 0 : sent / asked;
  const lag = Number.isFinite(lagP99Ms) ? `${round(lagP99Ms)} ms at p99` : 'not recorded';
  return [
    ...(lagP99Ms > SOUND_LAG_P99_MS
      ? [`the lag of the generator is ${lag}, at most ${SOUND_LAG_P99_MS} ms`]
      : []),
    ...(sentRatio < SOUND_SENT_RATIO
      ? [
          `the generator sent ${percent(sentRatio)} of the requested operations, at least ${percent(SOUND_SENT_RATIO)}`,
        ]
      : []),
    ...(keptPlan
      ? []
      : ['the intended times differ from the plan: the generator waited for answers (closed loop)']),
  ];
}

const round = (value: number) => Number(value.toPrecision(3));
const percent = (ratio: number) => `${Math.floor(ratio * 1_000) / 10} %`;

/** Merges all histograms of a measure and kind; undefined if none has a value. */
export function mergedHistogram(
  steps: readonly LoadStep[],
  measure: string,
  kinds: readonly string[],
): HdrHistogram | undefined {
  const merged = new HdrHistogram();
  for (const { histograms } of steps)
    for (const kind of kinds) {
      const own = histograms.get(`${measure}/${kind}`);
      if (own !== undefined) merged.add(own);
    }
  return merged.count === 0 ? undefined : merged;
}
