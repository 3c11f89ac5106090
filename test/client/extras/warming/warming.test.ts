/** Warming of a real Redis: order, batches, schedules, failures and statistics. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderExposition } from '../../../../client/cache/exposition.ts';
import {
  CacheWarmer,
  defaultStrategies,
  type WarmEntry,
  type WarmingEvent,
  type WarmingStrategy,
} from '../../../../client/extras/warming/index.ts';
import {
  type Cache,
  ClosedError,
  ConfigurationError,
  memoryCache,
  redisCache,
} from '../../../../client/index.ts';
import { endAfterEachTest } from '../../../support/end-after-test.ts';
import { RedisProcess, waitUntil } from '../../../support/redis-process.ts';

let redis: RedisProcess;
const { ends } = endAfterEachTest();
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

function openWarming(strategies: readonly WarmingStrategy[], over: Cache = memoryCache()) {
  const warmer = new CacheWarmer(over, strategies);
  const events: WarmingEvent[] = [];
  warmer.on((event) => events.push(event));
  ends.push(
    () => over.close(),
    () => warmer.close(),
  );
  return { warmer, cache: over, events };
}

const entries = (count: number, prefix = 'k'): WarmEntry[] =>
  Array.from({ length: count }, (_, i) => [`${prefix}${i}`, i]);
const strategy = (name: string, more: Partial<WarmingStrategy> = {}): WarmingStrategy => ({
  name,
  delaySeconds: 0,
  generate: () => entries(3, name),
  ...more,
});

describe('warming', () => {
  it('writes a strategy in batches, with its TTL, and reports progress', async () => {
    const { warmer, events } = openWarming(
      [strategy('s', { batchSize: 100, ttlSeconds: 100, generate: () => entries(250) })],
      redisCache({ address: redis.address, namespace: 'warm' }),
    );
    const [report] = await warmer.start();
    expect(report).toMatchObject({ strategy: 's', warmed: 250, failed: 0 });
    expect(await redis.admin().ttl('warm:k249')).toBeGreaterThan(98);
    const warmed = events.flatMap((event) => (event.type === 'progress' ? [event.warmed] : []));
    expect([events[0]?.type, warmed, events.at(-1)?.type]).toEqual(['started', [100, 200, 250], 'finished']);
  });

  it('has the documented defaults', () => {
    const { warmer } = openWarming([{ name: 's', generate: () => [] }]);
    expect(warmer.strategies).toMatchObject([
      {
        priority: 1,
        enabled: true,
        onStartup: true,
        onDemand: true,
        batchSize: 100,
        delaySeconds: 0.1,
        ttlSeconds: 3600,
        tags: [],
      },
    ]);
  });

  it('runs the enabled startup strategies by priority', async () => {
    const { warmer } = openWarming([
      strategy('last', { priority: 10 }),
      strategy('second', { priority: 2 }),
      strategy('off', { enabled: false }),
      strategy('asked', { onStartup: false }),
      strategy('first'),
    ]);
    expect((await warmer.start()).map((report) => report.strategy)).toEqual(['first', 'second', 'last']);
    expect((await warmer.runAll()).map((report) => report.strategy)).toEqual([
      'asked',
      'first',
      'second',
      'last',
    ]);
  });

  it('waits between batches, and stops when it is closed', async () => {
    const { warmer, events } = openWarming([strategy('s', { batchSize: 1, delaySeconds: 3600 })]);
    const run = warmer.run('s');
    await waitUntil('the first batch was written', () => events.some(({ type }) => type === 'progress'));
    await warmer.close();
    expect(await run).toMatchObject({ warmed: 1 });
    await expect(warmer.run('s')).rejects.toThrowError(ClosedError);
  });

  it('accepts generators of every kind, and calls loaders only for missing entries', async () => {
    const asked: string[] = [];
    const loader = (key: string): WarmEntry => [
      key,
      () => {
        asked.push(key);
        return `loaded ${key}`;
      },
    ];
    const { warmer, cache } = openWarming([
      strategy('stream', {
        generate: async function* () {
          yield ['a', 1];
          yield ['b', 2];
        },
      }),
      strategy('map', { generate: async () => new Map([['c', 3]]) }),
      strategy('loaders', { priority: 2, generate: () => ['a', 'd'].map(loader) }),
    ]);
    await warmer.start();
    expect(asked).toEqual(['d']);
    await waitUntil('the load is stored', async () => (await cache.get('d')) !== undefined);
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(
      new Map<string, unknown>([
        ['a', 1],
        ['b', 2],
        ['c', 3],
        ['d', 'loaded d'],
      ]),
    );
  });

  it('continues with the other entries and strategies after a failure, and counts the failure', async () => {
    const { warmer, cache } = openWarming([
      strategy('broken', {
        generate: async function* () {
          yield ['x', 1];
          throw new Error('no table');
        },
      }),
      strategy('partly', {
        priority: 2,
        generate: () => [
          ['f', new Map()],
          ['g', 1],
        ],
      }),
    ]);
    const [broken, partly] = await warmer.start();
    expect(broken).toMatchObject({
      warmed: 1,
      failed: 1,
      error: expect.objectContaining({ message: 'no table' }),
    });
    expect(partly).toMatchObject({ warmed: 1, failed: 1 });
    expect(await cache.get('g')).toBe(1);
    await warmer.run('partly').then(() => warmer.register(strategy('partly')));
    await warmer.run('partly');
    expect(warmer.stats()).toMatchObject([
      { strategy: 'broken', runs: 1, warmed: 1, failed: 1, successRatio: 0 },
      { strategy: 'partly', runs: 3, warmed: 5, failed: 2, successRatio: 1 / 3 },
    ]);
  });

  it('does not count entries as warmed if they are only in the memory of this process', async () => {
    const gone = await RedisProcess.start();
    const cache = redisCache({ address: gone.address, commandTimeoutMs: 50, connectTimeoutMs: 50 });
    await gone[Symbol.asyncDispose]();
    const { warmer } = openWarming([strategy('s')], cache);
    const report = await warmer.run('s');
    expect(report).toMatchObject({ warmed: 0, failed: 3 });
    expect(report.error?.message).toMatch(/Redis is unreachable/);
  });

  it('never runs a strategy twice at the same time, and gives concurrent callers the same report', async () => {
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const { warmer } = openWarming([
      strategy('s', {
        generate: async () => {
          runs += 1;
          await gate.promise;
          return [];
        },
      }),
    ]);
    const both = Promise.all([warmer.run('s'), warmer.run('s')]);
    gate.resolve();
    const [one, other] = await both;
    expect([runs, one === other]).toEqual([1, true]);
  });

  it('exposes the times and counts of strategies to Prometheus', async () => {
    const { warmer } = openWarming([strategy('s')]);
    expect(renderExposition(warmer.families())).toBe('');
    await warmer.start();
    const text = renderExposition(warmer.families(), { namespace: 'n' });
    expect(text).toMatch(/^cache_redis_warming_entries_total\{namespace="n",strategy="s"\} 3$/m);
    expect(text).toMatch(/^cache_redis_warming_seconds_total\{namespace="n",strategy="s"\} 0\.\d+/m);
  });
});

describe('a schedule', () => {
  it('runs its strategy until the strategy is replaced or removed, or the warmer is closed', async () => {
    const { warmer, events } = openWarming([strategy('s', { schedule: '* * * * * *', onStartup: false })]);
    expect(await warmer.start()).toEqual([]);
    await waitUntil(
      'a scheduled run has finished',
      () => events.some(({ type }) => type === 'finished'),
      3000,
    );
    await warmer.register(strategy('s', { schedule: '0 0 1 1 *' }));
    expect([warmer.remove('s'), warmer.remove('s'), warmer.strategies.length]).toEqual([true, false, 0]);
  });

  it.each<[string, Partial<WarmingStrategy>]>([
    ['an invalid expression', { schedule: 'every day' }],
    ['an unknown time zone', { schedule: '0 4 * * *', timezone: 'Mars/Olympus' }],
  ])('is rejected at the start: %s', async (_, more) => {
    const { warmer } = openWarming([strategy('s', more)]);
    await expect(warmer.start()).rejects.toThrowError(ConfigurationError);
    await expect(warmer.start()).rejects.toThrowError('strategy s: schedule: ');
  });
});

describe('a strategy', () => {
  it.each<[Partial<WarmingStrategy>, string | RegExp]>([
    [{ name: '' }, /name: must .*, got ""/],
    [{ priority: 0 }, /strategy s: priority: must .*, got 0/],
    [{ priority: 11 }, /priority: must .*, got 11/],
    [{ batchSize: 1.5 }, /batchSize: must .*, got 1\.5/],
    [{ delaySeconds: -1 }, /delaySeconds: must .*, got -1/],
    [{ ttlSeconds: -1 }, /ttlSeconds: must .*, got -1/],
    [{ generate: 5 as never }, /generate: must .*, got 5/],
  ])('is rejected when it is invalid: %o', (more, message) => {
    expect(() => new CacheWarmer(memoryCache(), [strategy('s', more)])).toThrowError(message);
  });

  it('runs on demand only if it exists, is enabled and allows manual runs', async () => {
    const { warmer } = openWarming([
      strategy('off', { enabled: false }),
      strategy('startup', { onDemand: false }),
    ]);
    await expect(warmer.run('unknown')).rejects.toThrowError('"unknown" is not registered');
    await expect(warmer.run('off')).rejects.toThrowError('strategy off: is disabled');
    await expect(warmer.run('startup')).rejects.toThrowError('does not run on demand');
  });

  it('has five predefined kinds, which are disabled unless the application configures them', () => {
    const five = defaultStrategies({
      criticalData: () => [['config:app', { v: 1 }]],
      apiResponses: () => [],
    });
    expect(
      five.map(({ name, priority, ttlSeconds, enabled }) => [name, priority, ttlSeconds, enabled]),
    ).toEqual([
      ['critical-application-data', 1, 7200, true],
      ['detector-models', 2, 3600, false],
      ['popular-datasets', 3, 1800, false],
      ['api-responses', 4, 600, true],
      ['user-sessions', 5, 1800, false],
    ]);
  });
});
