/**
 * Drills of `--profile capacity`, which measure the limits of the environment and this machine. No other profile runs
 * them, since a shared machine does not reach their rates. `kit drill ID` runs a single one.
 */
import type { Drill } from '../drill.ts';

type Own = Pick<Drill, 'id' | 'title' | 'source' | 'safeOutcome'> &
  Partial<Pick<Drill, 'checkers' | 'boundMs' | 'byNameOnly'>> & {
    readonly parameters?: Drill['workload']['parameters'];
  };

function capacityDrill({ parameters = {}, ...drill }: Own): Drill {
  return {
    family: 'capacity',
    needs: [],
    topologies: ['single', 'sentinel', 'cluster'],
    clients: ['kit'],
    workload: { name: drill.id, parameters },
    faults: [],
    checkers: ['load'],
    boundMs: 300_000,
    trials: { quick: 0, full: 0 },
    ...drill,
  };
}

const throughput = capacityDrill({
  id: 'throughput',
  title: 'Rates raised in steps up to the knee, YCSB B, with redis-benchmark as the server limit',
  source: 'mission C3: 50,000 operations per second',
  safeOutcome: 'the rate is answered with the right values, or the report names the limit',
});

const loadMixes = capacityDrill({
  id: 'load-mixes',
  title: 'YCSB A, B, C, F, a hot key, batches and bursts of 100 at a steady rate',
  source:
    'mission C4; requirements document 003: get < 5 ms, set < 10 ms, batch of 100 < 50 ms, 100 concurrent',
  safeOutcome: 'every operation is answered with the right value',
  checkers: ['load', 'load-values', 'memory'],
});

const connections = capacityDrill({
  id: 'connections',
  title: 'A ramp to 10,000 connections that are all served',
  source: 'mission C3: 10,000 connections',
  safeOutcome: 'every connection is served, or the report names the limit',
  checkers: ['capacity'],
});

const memoryGrowth = capacityDrill({
  id: 'memory-growth',
  title: 'Memory by number of keys',
  source: 'mission C3: memory that grows linearly with the number of keys',
  safeOutcome: 'memory grows linearly with the number of keys',
  checkers: ['capacity', 'memory'],
});

const HTTP_SOAK = 'http-soak';

/** The 100 concurrent requests of document 003, through a service that embeds the cache. */
const HTTP: readonly (Pick<Own, 'id' | 'title' | 'parameters'> & Pick<Drill, 'byNameOnly'>)[] = [
  { id: 'http-smoke', title: 'k6 smoke: few requests' },
  {
    id: 'http-load',
    title: 'k6 load: the normal rate, then 100 concurrent requests, in two processes',
    parameters: { segments: 2 },
  },
  { id: 'http-stress', title: 'k6 stress: a rate that rises in steps' },
  { id: 'http-spike', title: 'k6 spike: five times the rate within a second' },
  { id: HTTP_SOAK, title: 'k6 soak: the normal rate for a long time (--hours)', byNameOnly: true },
];

const httpDrills: readonly Drill[] = HTTP.map((own) =>
  capacityDrill({
    source: 'mission C3: k6 scenarios through an HTTP front end',
    safeOutcome: 'at least 99 % of the requests succeed, with the right values and no dropped iterations',
    checkers: ['k6'],
    ...own,
  }),
);

const soak = capacityDrill({
  id: 'soak',
  title: 'A steady load for hours (--hours): client leaks, server growth',
  source: 'mission C3; 002 Memory Efficiency',
  safeOutcome: 'no memory grows with the number of operations',
  checkers: ['soak', 'load', 'memory'],
  byNameOnly: true,
});

export const capacityDrills: readonly Drill[] = [
  loadMixes,
  throughput,
  connections,
  memoryGrowth,
  ...httpDrills,
  soak,
];

/**
 * Maximum length of a soak. The judge holds the samples of the machine in memory, ten per second: 12 hours take about
 * 500 MB at up to 1,240 bytes per sample.
 */
export const MAX_SOAK_HOURS = 12;
/** Length of the k6 scenario without `--hours`. */
const HTTP_SOAK_HOURS = 1;
const SLICES_PER_HOUR = 60;
const MS_PER_HOUR = 3_600_000;
const OVERRUN = 1.5;

/**
 * Sets the length of a soak and the time limits that depend on the length; returns any other drill unchanged.
 */
export function soakingFor(drill: Drill, asked: number | undefined): Drill {
  const hours = asked ?? (drill.id === HTTP_SOAK ? HTTP_SOAK_HOURS : undefined);
  if (hours === undefined || ![soak.id, HTTP_SOAK].includes(drill.id)) return drill;
  const { workload } = drill;
  const slices = Math.max(12, Math.ceil(hours * SLICES_PER_HOUR));
  const parameters: Drill['workload']['parameters'] =
    drill.id === soak.id
      ? { slices, sliceMs: Math.round((hours * MS_PER_HOUR) / slices) }
      : { seconds: Math.round(hours * 3_600), boundMs: Math.round(hours * MS_PER_HOUR * OVERRUN) + 60_000 };
  return {
    ...drill,
    workload: { ...workload, parameters: { ...workload.parameters, ...parameters } },
    boundMs: Math.round(hours * MS_PER_HOUR * OVERRUN) + 120_000,
  };
}
