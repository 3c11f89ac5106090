/** The service on a real Redis: one environment for all tests, with a separate flag for each test. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CanaryConfig,
  type CanaryOptions,
  CanaryProvider,
  type CanaryProviderError,
  CanaryTestingService,
  fixedFlags,
  loadCanary,
  openFeatureFlags,
  patternCacheOptions,
  replay,
} from '../../canary/index.ts';
import { collectMetrics } from '../../client/extras/metrics/index.ts';
import { type Cache, memoryCache, redisCache } from '../../client/index.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { RedisProcess } from '../support/redis-process.ts';

const BASE = loadCanary();
const ON = fixedFlags({ redisCache: true, patternCache: true });

let redis: RedisProcess;
let cache: Cache;

beforeAll(async () => {
  redis = await RedisProcess.start();
  cache = redisCache({
    address: redis.address,
    ...patternCacheOptions('standalone', BASE),
    ...PATIENT_LIMITS,
  });
});

afterAll(async () => {
  await cache.close();
  await redis[Symbol.asyncDispose]();
});

/** Settings with stages that last one minute of the test's clock. */
function settings(flag: string, more: Partial<CanaryConfig> = {}): CanaryConfig {
  const rollout = { stages: [20, 50, 100], minStageSeconds: 60, minRequests: 500 };
  // A slow PING on a busy machine must not pause the canary.
  const guard = { ...BASE.guard, pingMsMax: 60_000 };
  return { ...BASE, flag, rollout, guard, ...more };
}

class Clock {
  ms = 1_700_000_000_000;
  readonly now = () => this.ms;
}

interface Scenario {
  readonly service: CanaryTestingService;
  readonly clock: Clock;
  /** Number of requests per arm so far. */
  readonly count: { canary: number; control: number };
}

async function open(config: CanaryConfig, more: Partial<CanaryOptions> = {}): Promise<Scenario> {
  const clock = new Clock();
  const service = await CanaryTestingService.open({ cache, config, flags: ON, now: clock.now, ...more });
  return { service, clock, count: { canary: 0, control: 0 } };
}

/** One look with 400 requests; every n-th request in an arm fails. */
async function look({ service, clock, count }: Scenario, failEvery: { canary: number; control: number }) {
  for (let i = 0; i < 400; i++) {
    const user = service.assign(`user-${(clock.ms / 5_000) % 7}-${i}`);
    if (user.arm === 'off') throw new Error('the canary is off');
    count[user.arm] += 1;
    const ok = count[user.arm] % failEvery[user.arm] !== 0;
    service.record(user, { ok, ms: 10, lookup: i % 5 === 0 ? 'miss' : 'hit' });
  }
  await service.flush();
  clock.ms += 5_000;
  return service.adjust();
}

async function looks(scenario: Scenario, n: number, failEvery: { canary: number; control: number }) {
  let last = await look(scenario, failEvery);
  for (let i = 1; i < n && last.verdict === 'hold'; i++) last = await look(scenario, failEvery);
  return last;
}

/** Deletes every key of a flag, as an eviction or an operator could. */
async function removeKeys(flag: string): Promise<void> {
  const admin = redis.admin();
  await admin.select(2);
  await admin.del(...(await admin.keys(`cache:~canary:{${flag}}:*`)));
}

const USERS = Array.from({ length: 500 }, (_, i) => `user-${i}`);
const HEALTHY = { canary: 190, control: 190 };
const BROKEN = { canary: 5, control: 190 };

describe('a rollout on Redis', () => {
  it('promotes a healthy canary without moving a user out of it, and rolls back a broken one', async () => {
    const scenario = await open(settings('promoted'));
    const { service } = scenario;
    const before = USERS.filter((user) => service.isEnabled(user));
    expect(await looks(scenario, 60, HEALTHY)).toMatchObject({ verdict: 'promote', share: 0.5 });
    expect(before.filter((user) => !service.isEnabled(user))).toEqual([]);
    expect(await looks(scenario, 20, BROKEN)).toMatchObject({ verdict: 'rollback', share: 0 });
    expect(USERS.filter((user) => service.isEnabled(user))).toEqual([]);
    await service.close();
  });

  it('keeps a rollback latched in a new process until an operator clears it', async () => {
    const scenario = await open(settings('latched'));
    await looks(scenario, 20, BROKEN);
    const { service } = await open(settings('latched'));
    expect(service.isEnabled('user-1')).toBe(false);
    expect(await service.clearRollback('ada')).toMatchObject({
      verdict: 'clear',
      share: 0.2,
      status: 'running',
    });
    const { changes } = await service.status();
    expect(changes.map((line) => JSON.parse(line).decision.verdict)).toEqual(['rollback', 'clear']);
    await Promise.all([service.close(), scenario.service.close()]);
  });

  it('keeps a rollback when the cache is cleared', async () => {
    const scenario = await open(settings('kept'));
    await looks(scenario, 20, BROKEN);
    await cache.clear();
    const { service } = await open(settings('kept'));
    expect((await service.status()).head?.state.status).toBe('rolled-back');
    await Promise.all([service.close(), scenario.service.close()]);
  });

  it('keeps a rollback after the keys of the flag are deleted, if a judging process has it in memory', async () => {
    const scenario = await open(settings('remembered'));
    const { service, clock } = scenario;
    await looks(scenario, 20, BROKEN);
    // Writes more entries than a process keeps in memory individually.
    for (let n = 0; n < 210; n++) {
      clock.ms += 5_000;
      await service.adjust();
    }
    await removeKeys('remembered');
    const restarted = await open(settings('remembered'));
    expect((await restarted.service.status()).head?.index).toBe(0);
    clock.ms += 5_000;
    expect(await service.adjust()).toMatchObject({ verdict: 'hold', share: 0, status: 'rolled-back' });
    await restarted.service.refresh();
    expect(USERS.filter((user) => restarted.service.isEnabled(user))).toEqual([]);
    expect(replay(await service.logLines()).problem).toBeUndefined();
    await Promise.all([service.close(), restarted.service.close()]);
  });

  it('continues with a new log if no process restores the earlier log', async () => {
    const scenario = await open(settings('again'));
    const { service, clock } = scenario;
    await looks(scenario, 20, BROKEN);
    await removeKeys('again');
    const other = await open(settings('again'));
    const enabled = () => USERS.filter((user) => service.isEnabled(user)).length;
    await service.refresh();
    expect(enabled()).toBe(0);
    clock.ms += 61_000;
    await service.refresh();
    expect(enabled()).toBeGreaterThan(0);
    await Promise.all([service.close(), other.service.close()]);
  });

  it('continues to judge when the last look comes from a process whose clock is ahead', async () => {
    const [ahead, behind] = [await open(settings('skewed')), await open(settings('skewed'))];
    ahead.clock.ms += 3_600_000;
    await ahead.service.adjust();
    const before = (await behind.service.status()).head?.index ?? 0;
    expect(await looks(behind, 20, BROKEN)).toMatchObject({ verdict: 'rollback' });
    expect((await behind.service.status()).head?.index).toBeGreaterThan(before);
    await Promise.all([ahead, behind].map(({ service }) => service.close()));
  });

  it('reports its share as a metric, and whether it is paused or rolled back', async () => {
    const scenario = await open(settings('measured'));
    const text = () => collectMetrics(cache, [scenario.service]);
    expect(await text()).toMatch(/^cache_canary_share\{.*canary="measured"\} 0\.2$/m);
    expect(await text()).toMatch(/^cache_canary_paused\{.*canary="measured"\} 0$/m);
    await looks(scenario, 20, BROKEN);
    expect(await text()).toMatch(/^cache_canary_share\{.*canary="measured"\} 0$/m);
    expect(await text()).toMatch(/^cache_canary_paused\{.*canary="measured"\} 1$/m);
    await scenario.service.close();
  });

  it('records decisions that replay byte for byte, in a log of bounded size', async () => {
    const config = settings('logged', { log: { maxEntries: 20, snapshotEvery: 10 } });
    const scenario = await open(config);
    for (let n = 0; n < 45; n++) await look(scenario, { canary: 30, control: 30 });
    const lines = await scenario.service.logLines();
    expect(replay(lines)).toMatchObject({ problem: undefined, entries: lines.length });
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.length).toBeLessThan(35);
    await scenario.service.close();
  });

  it('has one log entry per look, even if four processes judge at the same time', async () => {
    const config = settings('shared');
    const clock = new Clock();
    const all = await Promise.all(
      [1, 2, 3, 4].map(() => CanaryTestingService.open({ cache, config, flags: ON, now: clock.now })),
    );
    for (let i = 0; i < 5; i++) {
      clock.ms += 5_000;
      const decisions = await Promise.all(all.map((service) => service.adjust()));
      expect(new Set(decisions.map((decision) => JSON.stringify(decision))).size).toBe(1);
    }
    const replayed = replay((await all[0]?.logLines()) ?? []);
    expect(replayed).toMatchObject({ problem: undefined, decisions: 5 });
    await Promise.all(all.map((service) => service.close()));
  });

  it('evaluates without writing to the log', async () => {
    const scenario = await open(settings('evaluated'));
    await look(scenario, HEALTHY);
    const { head } = await scenario.service.status();
    scenario.clock.ms += 5_000;
    expect(await scenario.service.evaluate()).toMatchObject({ verdict: 'hold' });
    // Different settings would change the rules.
    const other = settings('evaluated', { rollout: { ...BASE.rollout, stages: [30, 100] } });
    const second = await open(other);
    second.clock.ms += 10_000;
    await second.service.evaluate();
    expect((await scenario.service.status()).head?.index).toBe(head?.index);
    await Promise.all([scenario.service.close(), second.service.close()]);
  });

  it('starts a new generation when the stages change, but not when another setting changes', async () => {
    const first = await open(settings('resized'));
    await look(first, HEALTHY);
    const other = settings('resized', { judge: { ...BASE.judge, errorMargin: 0.02 } });
    const second = await open(other);
    second.clock.ms += 10_000;
    await second.service.adjust();
    expect((await second.service.status()).head?.state.generation).toBe(1);
    const third = await open(settings('resized', { rollout: { ...other.rollout, stages: [30, 100] } }));
    third.clock.ms += 20_000;
    await third.service.adjust();
    expect((await third.service.status()).head?.state.generation).toBe(2);
    expect(replay(await third.service.logLines()).problem).toBeUndefined();
    await Promise.all([first, second, third].map(({ service }) => service.close()));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, undefined])('refuses a request that took %s', async (ms) => {
    const { service } = await open(settings('refused'));
    expect(() => service.record('user-1', { ok: true, ms: ms as number })).toThrow(
      /ms: must be the duration of the request in milliseconds/,
    );
    await service.close();
  });

  it('sends at most one command per ten requests, and keeps its keys in database 2 with an expiry', async () => {
    const scenario = await open(settings('cheap'));
    const before = scenario.service.commands;
    // The largest flushes: they carry new users, and users with an error, in both arms.
    const { minBatch } = BASE.metrics;
    for (let flush = 0; flush < 20; flush++) {
      for (let i = 0; i < minBatch; i++)
        scenario.service.record(`user-${flush}-${i}`, { ok: i % 4 > 0, ms: 5, lookup: 'hit' });
      await scenario.service.flush();
    }
    expect((scenario.service.commands - before) / (20 * minBatch)).toBeLessThanOrEqual(0.1);
    const admin = redis.admin();
    await admin.select(2);
    const keys = await admin.keys('cache:~canary:{cheap}:g*');
    expect(keys.length).toBeGreaterThanOrEqual(3);
    for (const key of keys) expect(await admin.ttl(key)).toBeGreaterThan(600_000);
    await scenario.service.close();
  });
});

describe('the switches', () => {
  it.each([[{ redisCache: false, patternCache: true }], [{ redisCache: true, patternCache: false }]])(
    'keep every user out of the canary and count nothing: %j',
    async (flags) => {
      const { service } = await open(
        settings('switched-off', { rollout: { ...BASE.rollout, stages: [100] } }),
        {
          flags: fixedFlags(flags),
        },
      );
      expect(service.isEnabled('user-1')).toBe(false);
      service.record('user-1', { ok: true, ms: 1 });
      await service.flush();
      expect((await service.evaluate()).figures?.canary.requests).toBe(0);
      await service.close();
    },
  );

  it('are read again while the service is running', async () => {
    let isOn = false;
    const flags = { read: () => ({ redisCache: true, patternCache: isOn }) };
    const config = settings('toggled', {
      rollout: { ...BASE.rollout, stages: [100] },
      metrics: { ...BASE.metrics, flushMs: 10 },
    });
    const { service } = await open(config, { flags });
    expect(service.isEnabled('user-1')).toBe(false);
    isOn = true;
    await expect.poll(() => service.isEnabled('user-1')).toBe(true);
    await service.close();
  });

  it('require a cache on Redis', async () => {
    const memory = memoryCache();
    await expect(CanaryTestingService.open({ cache: memory, flags: ON })).rejects.toThrow(
      /must be a cache that uses Redis/,
    );
    await memory.close();
  });
});

it('without Redis, no user is in the canary, and the application gets no error', async () => {
  const errors: unknown[] = [];
  const unreachable = redisCache({ address: { host: '127.61.0.1', port: 1 }, commandTimeoutMs: 200 });
  const service = await CanaryTestingService.open({
    cache: unreachable,
    config: settings('unreachable'),
    flags: ON,
    onError: (error) => errors.push(error),
  });
  expect(service.isEnabled('user-1')).toBe(false);
  service.record('user-1', { ok: true, ms: 1 });
  expect(errors).toHaveLength(1);
  await service.close();
  await unreachable.close();
});

describe('OpenFeature', () => {
  it('evaluates the canary as a boolean flag, with the same arms as the service', async () => {
    const { service } = await open(settings('provided', { rollout: { ...BASE.rollout, stages: [50, 100] } }));
    const provider = new CanaryProvider(service);
    for (let i = 0; i < 20; i++) {
      const targetingKey = `user-${i}`;
      const details = await provider.resolveBooleanEvaluation('provided', false, { targetingKey });
      expect(details).toMatchObject({ value: service.isEnabled(targetingKey), reason: 'SPLIT' });
    }
    const codeOf = (evaluation: Promise<unknown>) =>
      evaluation.then(
        () => 'no error',
        ({ code }: CanaryProviderError) => code,
      );
    const codes = await Promise.all([
      codeOf(provider.resolveBooleanEvaluation('other', true, { targetingKey: 'user-1' })),
      codeOf(provider.resolveBooleanEvaluation('provided', false, {})),
      codeOf(provider.resolveStringEvaluation('provided')),
    ]);
    expect(codes).toEqual(['FLAG_NOT_FOUND', 'TARGETING_KEY_MISSING', 'TYPE_MISMATCH']);
    await service.close();
  });

  it('reads the switches from the flag system of the application', async () => {
    const asked: string[] = [];
    const client = {
      async getBooleanValue(flagKey: string, byDefault: boolean) {
        asked.push(flagKey);
        return flagKey === 'enable-redis-cache' ? true : byDefault;
      },
    };
    expect(await openFeatureFlags(client).read()).toEqual({ redisCache: true, patternCache: false });
    expect(asked).toEqual(['enable-redis-cache', 'enable-pattern-cache']);
  });
});

it('the pattern cache is in database 2, or under a prefix in a cluster', () => {
  expect(patternCacheOptions('sentinel', BASE)).toEqual({ db: 2, namespace: 'cache' });
  expect(patternCacheOptions('cluster', BASE)).toEqual({ namespace: 'cache:db2' });
});
