/** Rows of the failover table: drill, settings, clients and goals of each. Data and pure functions. */
import type { Pool } from '../../harness/judge/pool/index.ts';

type Judgement = 'met' | 'not met' | 'not measured';

interface Goal {
  readonly text: string;
  /** Compares this client's figure, over all trials of the row, with the goal. */
  readonly judge: (
    pool: Pool,
    downAfterMs: number,
  ) => { readonly measured: string; readonly state: Judgement };
}

export interface TableRow {
  readonly id: string;
  readonly drill: string;
  readonly trials: number;
  readonly downAfterMs: number;
  readonly settings: readonly string[];
  /** Value of `--clients`; undefined for a drill that runs only the kit's client, and for the default clients. */
  readonly clients?: string;
  readonly goals: readonly Goal[];
}

/**
 * Bounds at 95 % confidence over the pool: Clopper-Pearson for the share of trials, order statistics for the median.
 */
const median = (atMostMs: (downAfterMs: number) => number, what: string): Goal => ({
  text: `write gap: median <= ${what}`,
  judge(pool, downAfterMs) {
    const row = timeOf(pool);
    if (row === undefined) return UNMEASURED;
    const bound = row.medianAtMost === null ? 'no bound' : `at most ${seconds(row.medianAtMost)}`;
    const state = row.median <= atMostMs(downAfterMs) && row.never === 0 ? 'met' : 'not met';
    return { measured: `${seconds(row.median)} (median of all trials: ${bound}; n = ${row.n})`, state };
  },
});

const longest = (atMostMs: number): Goal => ({
  text: `write gap: max <= ${seconds(atMostMs)}`,
  judge(pool) {
    const row = timeOf(pool);
    if (row === undefined) return UNMEASURED;
    const p95 = row.p95AtMost === null ? 'no bound' : `at most ${seconds(row.p95AtMost)}`;
    const state = row.max <= atMostMs && row.never === 0 ? 'met' : 'not met';
    return { measured: `${seconds(row.max)} (p95 of all: ${p95}; n = ${row.n})`, state };
  },
});

const none = (figure: string, text: string): Goal => ({
  text,
  judge(pool) {
    const row = countOf(pool, 'kit', figure);
    if (row === undefined) return UNMEASURED;
    const share = `${(Math.floor(row.shareAtLeast * 1000) / 10).toFixed(1)} %`;
    const measured = `none in ${row.without} of ${row.n} trials (share of all: at least ${share})`;
    return { measured, state: row.without === row.n ? 'met' : 'not met' };
  },
});

const fewerThan = (client: string): Goal => ({
  text: `asynchronous writes lost: no more than by ${client} in the same run`,
  judge(pool) {
    const own = countOf(pool, 'kit', 'lost');
    const other = countOf(pool, client, 'lost');
    if (own === undefined || other === undefined) return UNMEASURED;
    const measured = `median ${own.median}, max ${own.max}; ${client}: median ${other.median}, max ${other.max}`;
    return { measured, state: own.median <= other.median ? 'met' : 'not met' };
  },
});

const lostAtMost = (writes: number, text: string): Goal => ({
  text,
  judge(pool) {
    const row = countOf(pool, 'kit', 'lost');
    if (row === undefined) return UNMEASURED;
    const measured = `median ${row.median}, max ${row.max} (n = ${row.n})`;
    return { measured, state: row.max <= writes ? 'met' : 'not met' };
  },
});

const DURABLE = none('durableLost', 'durable writes lost: 0');
const TWICE = none('doubleApplied', 'applied twice: 0');
const ALIVE = none('deadClients', 'dead clients: 0');
const STALE = none('staleAcknowledged', 'stale acknowledgements: 0');
const UNMEASURED = { measured: '-', state: 'not measured' } as const;

const SECOND = ['sentinel.downAfterMs=1000'];
const FAST = ['sentinel.fast=true', 'sentinel.downAfterMs=200', 'redis.minReplicasMaxLagSeconds=1'];
/** Number of asynchronous writes in 50 ms, at 160 per second (harness/workloads/failover-mix.ts). */
const WRITES_OF_50_MS = 8;
const STOCK = 'kit,ioredis,node-redis';

const row = (id: string, trials: number, goals: readonly Goal[], more: Partial<TableRow> = {}): TableRow => ({
  ...{ id, drill: id, trials, goals, downAfterMs: 1_000, settings: SECOND },
  ...more,
});

export const ROWS: readonly TableRow[] = [
  row('master-crash', 30, [median(() => 1_500, '1.5 s'), longest(1_800), DURABLE, ALIVE], { clients: STOCK }),
  row('master-hang', 30, [median((down) => down + 800, 'down-after + 0.8 s'), DURABLE, STALE], {
    clients: STOCK,
  }),
  row('double-failover', 10, [
    lostAtMost(WRITES_OF_50_MS, 'asynchronous writes lost: <= 50 ms of the rate (8)'),
    DURABLE,
  ]),
  row('partition-master', 10, [fewerThan('node-redis'), DURABLE], {
    clients: 'kit,node-redis',
    settings: [...SECOND, 'redis.minReplicasToWrite=1'],
  }),
  row('fast', 30, [median(() => 800, '0.8 s'), DURABLE], {
    drill: 'master-crash',
    downAfterMs: 200,
    settings: FAST,
  }),
  row('sentinel-hang', 10, [median(() => 1_700, '1.7 s (master-crash + 0.2 s)'), DURABLE]),
  row('sentinel-loss', 10, [median(() => 1_700, '1.7 s (master-crash + 0.2 s)'), DURABLE]),
  row('planned-switch', 50, [median(() => 300, '0.3 s'), none('lost', 'writes lost: 0')]),
  row('old-master-returns', 30, [STALE, DURABLE], {
    settings: [...SECOND, 'redis.minReplicasToWrite=0'],
  }),
  row('short-stall', 10, [TWICE, DURABLE]),
  row('replies-lost', 10, [TWICE, DURABLE]),
  row('cut-connections', 10, [TWICE, DURABLE]),
  row('full-restart', 5, [DURABLE, ALIVE]),
];

/** Returns the number of trials in the pool that use the kit's client. */
export function trialsIn(pool: Pool): number {
  return countOf(pool, 'kit', 'deadClients')?.n ?? 0;
}

export function commandOf(
  { drill, settings, clients }: TableRow,
  trials: number,
  pool: string,
): readonly string[] {
  return [
    ...['drill', drill, '--trials', String(trials), '--pool', pool],
    ...(clients === undefined ? [] : ['--clients', clients]),
    ...settings.flatMap((setting) => ['--set', setting]),
  ];
}

/** Formats milliseconds as `1.42 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function timeOf(pool: Pool, client = 'kit'): Pool['times'][number] | undefined {
  return pool.times.find((time) => time.client === client && time.figure === 'writeGapMs');
}

function countOf(pool: Pool, client: string, figure: string): Pool['counts'][number] | undefined {
  return pool.counts.find((count) => count.client === client && count.figure === figure);
}
