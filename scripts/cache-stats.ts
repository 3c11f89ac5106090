import { type Command, Option } from 'commander';
import { openCacheData } from './cache/cache-data.ts';
import { type CacheStatistics, type KeyStatistics, readStatistics } from './cache/cache-statistics.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { showLive } from './cache/live-screen.ts';
import { statisticsText } from './cache/statistics-text.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface StatsOptions extends DataOptions {
  readonly sample: number;
  /** Interval in seconds; `true` if the number is omitted. */
  readonly watch?: number | true;
}

const SAMPLE = 10_000;
const SAMPLE_MAX = 1_000_000;
const WATCH_SECONDS = 2;
/** Interval, in ms, at which `--watch` samples the keys again. The other figures need only one INFO per master. */
const KEYS_EVERY_MS = 30_000;

/** `kit cache-stats`: shows statistics of the masters, their keys and the shared counters of the clients. */
export function cacheStats(program: Command, session: Session): void {
  const command = program
    .command('cache-stats')
    .summary('show memory, hits, operations, clients and keys')
    .description(
      'Show the statistics of a cache: memory and fragmentation, hits and misses, operations per second, clients, keys by namespace and domain, and the counters that the clients share. Changes nothing.',
    )
    .addOption(
      new Option(
        '--watch [seconds]',
        `read again at this interval (1 to 3600; ${WATCH_SECONDS} if omitted)`,
      ).argParser(common.integer(1, 3_600)),
    )
    .addOption(
      new Option('--sample <keys>', 'maximum number of keys that are read; 0: none')
        .argParser(common.integer(0, SAMPLE_MAX))
        .default(SAMPLE),
    )
    .addHelpText(
      'after',
      examples(
        ['kit cache-stats', 'dev'],
        ['kit cache-stats --watch 5 --env production', 'every 5 seconds, until Ctrl-C'],
        ['kit cache-stats --url redis://host:6379 --json', 'an external Redis, for programs'],
      ),
    )
    .action((options: StatsOptions) => showStatistics(session, options));
  addDataOptions(command, 'reads');
}

async function showStatistics(session: Session, options: StatsOptions): Promise<void> {
  const { signal } = session;
  await using data = await openCacheData(options);
  if (options.watch === undefined) {
    const statistics = await readStatistics(data, { sampleKeys: options.sample, signal });
    printResult(session, statistics, statisticsText(statistics));
    return;
  }
  const seconds = options.watch === true ? WATCH_SECONDS : options.watch;
  let before: CacheStatistics | undefined;
  let keys: { readonly figures: KeyStatistics | null; readonly atMs: number } | undefined;
  await showLive(session, { intervalMs: seconds * 1000 }, async () => {
    const isFresh = keys !== undefined && performance.now() - keys.atMs < KEYS_EVERY_MS;
    const known = isFresh ? (keys?.figures ?? null) : null;
    const value = await readStatistics(data, { sampleKeys: options.sample, signal, keys: known });
    if (!isFresh) keys = { figures: value.keys, atMs: performance.now() };
    const text = statisticsText(value, before);
    before = value;
    return { value, text };
  });
}
