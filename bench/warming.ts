/**
 * `npm run bench -- warming [--save <dir>]`: hit ratio of a cache with predictive warming, compared with the same cache
 * without it, on recorded workloads of 14 days. The clock is simulated, so a run takes seconds; history, strategy and
 * forecast come from `client/extras/warming`.
 *
 *   recorded reads ─▶ cache with a TTL of 1 h ─▶ hits, misses
 *                        ▲ five minutes before each hour: none | predictive | all keys of yesterday's hour
 *
 * The first 7 days only fill the history; the figures cover the last 7 days.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccessHistory, predictiveStrategy } from '../client/extras/warming/index.ts';
import { seededRandom } from '../harness/workloads/random.ts';
import { zipfSampler } from '../harness/workloads/zipf.ts';

const HOUR_MS = 3_600_000;
const DAYS = 14;
const JUDGED_FROM_DAY = 7;
const TTL_MS = HOUR_MS;
const LEAD_MS = 5 * 60_000;
/** A Monday, 00:00 UTC. */
const START_MS = Date.UTC(2026, 0, 5);

interface Read {
  readonly atMs: number;
  readonly key: string;
}

interface Workload {
  readonly id: string;
  readonly title: string;
  readonly reads: readonly Read[];
}

/** Warms before the hour that begins at `hourMs`. */
type Warm = (cache: SimulatedCache, hourMs: number) => Promise<void>;

interface Result {
  readonly hitRatio: number;
  /** Number of reads that had to wait for a load. */
  readonly misses: number;
  /** Number of loads by warming; `unread` is the number of those whose entry was never read. */
  readonly warmed: number;
  readonly unread: number;
}

/** Cache whose entries have a TTL on the simulated clock. */
class SimulatedCache {
  readonly #entries = new Map<string, { readonly endsMs: number; warm: boolean; isRead: boolean }>();
  nowMs = START_MS;
  warmed = 0;
  #replacedUnread = 0;

  /** Reads a key and stores it after a miss. */
  read(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.endsMs > this.nowMs) {
      entry.isRead = true;
      return true;
    }
    this.#store(key, false);
    return false;
  }

  warm(key: string): void {
    this.warmed += 1;
    this.#store(key, true);
  }

  /** Same as `Cache.ttl`. */
  async ttl(key: string): Promise<number | undefined> {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.endsMs <= this.nowMs ? undefined : (entry.endsMs - this.nowMs) / 1000;
  }

  /** Number of warmed entries that were replaced before they were read, or have not been read yet. */
  get unread(): number {
    return (
      this.#replacedUnread + [...this.#entries.values()].filter(({ warm, isRead }) => warm && !isRead).length
    );
  }

  resetCounters(): void {
    this.warmed = 0;
    this.#replacedUnread = 0;
    for (const entry of this.#entries.values()) entry.warm = false;
  }

  #store(key: string, warm: boolean): void {
    const former = this.#entries.get(key);
    if (former?.warm && !former.isRead) this.#replacedUnread += 1;
    this.#entries.set(key, { endsMs: this.nowMs + TTL_MS, warm, isRead: false });
  }
}

/**
 * Records reads of keys with a daily pattern: each key has an hour of the day in which it is read one to five times, on
 * 70 % of the working days and 20 % of the other days. In addition, popular keys are read at all hours (Zipf), and
 * other keys are read only once.
 */
function habits(seed: number, share: number): Read[] {
  const random = seededRandom(seed);
  const popular = zipfSampler(20_000, 1, random);
  const reads: Read[] = [];
  const hourOf = Array.from({ length: 6_000 }, () => Math.floor(7 + 12 * random.next()));
  for (let day = 0; day < DAYS; day += 1) {
    const at = (hour: number) => START_MS + (day * 24 + hour + random.next()) * HOUR_MS;
    const isWorking = day % 7 < 5;
    for (const [i, hour] of hourOf.entries()) {
      // Without a daily pattern, the same key is read at any hour of the day.
      const own = random.next() < share ? hour : Math.floor(24 * random.next());
      if (random.next() > (isWorking ? 0.7 : 0.2)) continue;
      const times = 1 + Math.floor(5 * random.next());
      for (let n = 0; n < times; n += 1) reads.push({ atMs: at(own), key: `report:${i}` });
    }
    for (let hour = 0; hour < 24; hour += 1) {
      const load = hour >= 7 && hour < 19 ? 900 : 150;
      for (let n = 0; n < load; n += 1) reads.push({ atMs: at(hour), key: `item:${popular()}` });
      for (let n = 0; n < load / 10; n += 1) reads.push({ atMs: at(hour), key: `once:${day}:${hour}:${n}` });
    }
  }
  return reads.sort((a, b) => a.atMs - b.atMs);
}

const WORKLOADS: readonly Workload[] = [
  {
    id: 'habits',
    title:
      '6,000 reports, each read in its hour of the day on 70 % of the working days; 20,000 items (Zipf 1.0) read at all hours; 5 % of the reads are of keys that are read only once',
    reads: habits(1, 1),
  },
  {
    id: 'half-habits',
    title: 'as above, but on half of the days a report is read at a random hour',
    reads: habits(2, 0.5),
  },
  {
    id: 'no-habits',
    title: 'as above, but reports are always read at random hours (negative control)',
    reads: habits(3, 0),
  },
];

async function simulate(reads: readonly Read[], warm: Warm, seen: (read: Read) => void): Promise<Result> {
  const cache = new SimulatedCache();
  let [hits, misses] = [0, 0];
  let nextHourMs = START_MS + HOUR_MS;
  const judgedFromMs = START_MS + JUDGED_FROM_DAY * 24 * HOUR_MS;
  let isJudged = false;
  for (const read of reads) {
    while (read.atMs >= nextHourMs - LEAD_MS) {
      cache.nowMs = nextHourMs - LEAD_MS;
      await warm(cache, nextHourMs);
      nextHourMs += HOUR_MS;
    }
    if (!isJudged && read.atMs >= judgedFromMs) {
      cache.resetCounters();
      [hits, misses, isJudged] = [0, 0, true];
    }
    cache.nowMs = read.atMs;
    if (cache.read(read.key)) hits += 1;
    else misses += 1;
    seen(read);
  }
  return { hitRatio: hits / (hits + misses), misses, warmed: cache.warmed, unread: cache.unread };
}

const without = (reads: readonly Read[]): Promise<Result> =>
  simulate(
    reads,
    async () => {},
    () => {},
  );

function predictive(reads: readonly Read[]): Promise<Result> {
  const history = new AccessHistory();
  const warm: Warm = async (cache) => {
    const strategy = predictiveStrategy(cache, { history, load: () => 1, now: () => cache.nowMs });
    for await (const [key] of (await strategy.generate(new AbortController().signal)) as AsyncIterable<
      readonly [string]
    >)
      cache.warm(key);
  };
  return simulate(reads, warm, ({ key, atMs }) => history.record(key, atMs));
}

/** Applies the simple rule: warms every key that was read in the same hour yesterday. */
function yesterday(reads: readonly Read[]): Promise<Result> {
  const byHour = new Map<number, Set<string>>();
  const warm: Warm = async (cache, hourMs) => {
    const endsMs = hourMs + HOUR_MS;
    for (const key of byHour.get(hourMs / HOUR_MS - 24) ?? []) {
      const ttl = await cache.ttl(key);
      if (ttl === undefined || cache.nowMs + ttl * 1000 < endsMs) cache.warm(key);
    }
  };
  return simulate(reads, warm, ({ key, atMs }) => {
    const hour = Math.floor(atMs / HOUR_MS);
    const keys = byHour.get(hour) ?? new Set<string>();
    byHour.set(hour, keys);
    keys.add(key);
  });
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;

async function rowsOf({ id, reads }: Workload): Promise<readonly string[]> {
  const none = await without(reads);
  const results = [
    ['none', none],
    ['predictive', await predictive(reads)],
    ["yesterday's hour", await yesterday(reads)],
  ] as const;
  return results.map(
    ([name, { hitRatio, misses, warmed, unread }]) =>
      `| ${id} | ${name} | ${percent(hitRatio)} | ${((hitRatio - none.hitRatio) * 100).toFixed(1)} | ${misses} | ${warmed} | ${warmed === 0 ? '-' : percent(unread / warmed)} |`,
  );
}

const rows: string[] = [];
for (const workload of WORKLOADS) rows.push(...(await rowsOf(workload)));
const text = [
  '# Predictive warming: hit ratio with and without it',
  '',
  '`npm run bench -- warming --save docs/results`. Simulated clock, 14 days recorded from a seed, TTL',
  '1 h, figures of the last 7 days. Warming runs five minutes before each hour with the defaults of',
  '`predictiveStrategy`.',
  '',
  '| workload | warming | hit ratio | gain, points | reads that waited for a load | loads by warming | of these never read |',
  '|---|---|---|---|---|---|---|',
  ...rows,
  '',
  ...WORKLOADS.map(({ id, title }) => `- \`${id}\`: ${title}.`),
  '',
].join('\n');
process.stdout.write(text);
const save = process.argv.indexOf('--save');
if (save > 0) writeFileSync(join(process.argv[save + 1] ?? 'docs/results', 'warming.md'), text);
