/** `kit sizing`: the prediction from idle times, and the recommendation on a real Redis. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import { internalPlaceOf } from '../../../scripts/cache/key-groups.ts';
import { type IdleKey, keysWithin } from '../../../scripts/cache/sizing/key-growth.ts';
import { memoryNeed, observationSeconds } from '../../../scripts/cache/sizing/memory-need.ts';
import type { ObservedMaster } from '../../../scripts/cache/sizing/observation.ts';
import { callKit } from '../../support/kit-call.ts';
import { RedisProcess } from '../../support/redis-process.ts';

/** Idle times (up to `seconds`) of keys with the given access rates, computed from the exact curve. */
function idleTimes(rates: readonly number[], seconds: number): IdleKey[] {
  const within = (time: number) =>
    rates.reduce((sum, rate) => sum + 1 - Math.exp(-rate * Math.max(0, time)), 0);
  return Array.from({ length: seconds + 1 }, (_, idleSeconds) => ({
    idleSeconds,
    weight: within(Math.min(seconds, idleSeconds + 0.5)) - within(idleSeconds - 0.5),
  }));
}

function zipfRates(keys: number, exponent: number, total: number): number[] {
  const weights = Array.from({ length: keys }, (_, i) => (i + 1) ** -exponent);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => (weight / sum) * total);
}

const keysOf = (rates: readonly number[], seconds: number) =>
  rates.reduce((sum, rate) => sum + 1 - Math.exp(-rate * seconds), 0);

describe('keysWithin', () => {
  it('extrapolates the curve of Zipf-distributed keys to twice the time, accurate to within 10 %', () => {
    for (const [keys, exponent, rate] of [
      [30_000, 0.9, 800],
      [100_000, 1, 1_000],
      [5_000, 0.7, 100],
    ] as const) {
      const rates = zipfRates(keys, exponent, rate);
      const { keys: predicted, known } = keysWithin(idleTimes(rates, 150), 150, 300);
      expect(known).toBe(true);
      expect(Math.abs(predicted / keysOf(rates, 300) - 1)).toBeLessThan(0.1);
    }
  });

  it('extrapolates the number of new keys linearly', () => {
    const idle = Array.from({ length: 100 }, (_, idleSeconds) => ({ idleSeconds, weight: 10 }));
    expect(keysWithin(idle, 80, 160).keys).toBeCloseTo(1_600, -1);
  });

  it('is unknown beyond twice the observed time', () => {
    expect(keysWithin(idleTimes(zipfRates(1_000, 1, 50), 20), 20, 300)).toMatchObject({ known: false });
  });
});

/** Idle times of the given number of keys, evenly distributed up to the longest idle time. */
function idleOf(keys: number, longestIdle: number): IdleKey[] {
  return Array.from({ length: keys }, (_, i) => ({ idleSeconds: (i * longestIdle) / keys, weight: 1 }));
}

describe('internalPlaceOf', () => {
  it('recognizes internal client keys, even in a namespace with colons', () => {
    const placeOf = (key: string) => internalPlaceOf(Buffer.from(key));
    expect(placeOf('shop:~tag:9a')).toEqual({ namespace: 'shop', domain: '~tag' });
    expect(placeOf('prod:shop:~stats:hits')).toEqual({ namespace: 'prod:shop', domain: '~stats' });
    expect(placeOf('shop:user:1')).toBeUndefined();
  });
});

describe('memoryNeed', () => {
  const master = {
    id: 'redis-1',
    keys: 1_000,
    usedBytes: 1_400_000,
    fixedBytes: 1_000_000,
    evicted: 0,
    maxBytes: null,
  } as ObservedMaster;
  const group = {
    ...{ namespace: 'shop', domain: 'user', internal: false, keys: 1_000 },
    ...{ persistent: 0, bytesPerKey: 350 },
  };
  const of = (ttlSeconds: number | null, longestIdle: number) => {
    const idle = idleOf(1_000, longestIdle);
    return memoryNeed({
      masters: [master],
      totalKeys: 1_000,
      sampledKeys: 1_000,
      groups: [{ ...group, ttlSeconds, idle }],
    });
  };

  it('uses the current keys once the cache has run for one TTL', () => {
    const need = of(100, 99);
    expect(need).toMatchObject({ known: true, bytesPerMaster: 1_400_000 });
    expect(need.groups[0]).toMatchObject({ keysAtPeak: 1_000 });
  });

  it('extrapolates while the cache is filling, and reports when it has not run long enough', () => {
    expect(of(190, 100).groups[0]?.keysAtPeak).toBeCloseTo(1_900, -2);
    expect(of(2_000, 100)).toMatchObject({ known: false });
  });

  it('is at least the highest memory use so far, and is unknown for a server that evicts early', () => {
    const idle = Array.from({ length: 1_000 }, (_, i) => ({ idleSeconds: i / 10, weight: 1 }));
    const groups = [{ ...group, ttlSeconds: 300, idle }];
    const sample = { totalKeys: 1_000, sampledKeys: 1_000 };
    const peak = memoryNeed({
      ...sample,
      masters: [{ ...master, peakBytes: 3_000_000 }],
      groups: [{ ...group, ttlSeconds: 100, idle }],
    });
    expect(peak).toMatchObject({ known: true, bytesPerMaster: 3_000_000 });
    const full = { ...master, evicted: 5, maxBytes: 1_400_000, peakBytes: 1_400_000 };
    expect(memoryNeed({ ...sample, masters: [full], groups })).toMatchObject({
      known: false,
      evicting: true,
      horizonSeconds: 99.9,
    });
  });

  it('includes tag versions in proportion to the entries if the versions outlive the observed time', () => {
    const idle = idleOf(1_000, 100);
    const entries = { ...group, ttlSeconds: 190, idle };
    const tags = {
      ...{ namespace: 'shop', domain: '~tag', internal: true, keys: 10, persistent: 0 },
      ...{ ttlSeconds: 2_592_000, bytesPerKey: 100, idle: idleOf(10, 100) },
    };
    const sample = { masters: [master], totalKeys: 1_010, sampledKeys: 1_010 };
    const alone = memoryNeed({ ...sample, groups: [entries] });
    const need = memoryNeed({ ...sample, groups: [entries, tags] });
    expect([alone.known, need.known]).toEqual([true, true]);
    expect(need.groups[1]?.keysAtPeak).toBeCloseTo(10 * ((alone.groups[0]?.keysAtPeak ?? 0) / 1_000), 6);
    expect(observationSeconds(need)).toBe(95);
    const early = memoryNeed({ ...sample, groups: [{ ...entries, ttlSeconds: 2_000 }, tags] });
    expect(early.groups.map(({ known }) => known)).toEqual([false, false]);
    expect(memoryNeed({ ...sample, groups: [tags] })).toMatchObject({ known: false });
  });

  it('counts keys that have no TTL, and does not extrapolate their number', () => {
    expect(of(null, 50)).toMatchObject({ known: true, bytesPerMaster: 1_400_000 });
  });
});

describe('kit sizing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kit-sizing-'));
  const file = join(dir, 'sized.yaml');
  const dev = readFileSync(join(import.meta.dirname, '../../../config/environments/dev.yaml'), 'utf8');
  let redis: RedisProcess;
  beforeAll(async () => {
    writeFileSync(file, dev.replace('name: dev', 'name: sized'));
    redis = await RedisProcess.start();
    const pipeline = redis.admin().pipeline();
    for (let i = 0; i < 2_000; i += 1) pipeline.set(`sized:doc:${i}`, 'x'.repeat(1_000));
    await pipeline.exec();
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });
  const size = (...args: string[]) =>
    callKit('sizing', '--env', file, '--url', `redis://${redis.address.host}:${redis.address.port}`, ...args);

  it('shows the required memory, its arithmetic, and keys that never expire', async () => {
    const { exitCode, out, err } = await size();
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toMatch(/sized:doc {2}2,000 keys now, 2,000 at the peak, 1\.\d KB each, TTL -/);
    expect(out).toMatch(
      /redis\.maxmemory: 256mb -> 16mb\n {2}\d+ B fixed \+ \(doc: 2000 keys x \d+ B\) x \d\.\d\d overhead/,
    );
    expect(out).toContain('give doc a TTL');
    expect(out).toContain('redis.maxmemoryPolicy: keep allkeys-lru\n  100.0 % of the keys have no TTL');
  });

  it('predicts the memory use of the server from a sample, accurate to within 10 %', async () => {
    const { need } = JSON.parse((await size('--json', '--sample', '500')).out) as {
      need: { bytesPerMaster: number };
    };
    const used = Number(/used_memory:(\d+)/.exec(await redis.admin().info('memory'))?.[1]);
    expect(Math.abs(need.bytesPerMaster / used - 1)).toBeLessThan(0.1);
  });

  it.each([
    ['MEMORY USAGE', '~* +@all -memory|usage'],
    ['PTTL', '~* +@all -pttl'],
    ['MEMORY USAGE for the keys', '~other:* +@all'],
  ])('fails without %s, because the estimate would be too low', async (_, rules) => {
    const admin = redis.admin();
    await admin.call('ACL', 'SETUSER', 'sizer', 'reset', 'on', '>secret', ...rules.split(' '));
    const url = `redis://sizer:secret@${redis.address.host}:${redis.address.port}`;
    const { exitCode, err } = await callKit('sizing', '--env', file, '--url', url);
    await admin.call('ACL', 'DELUSER', 'sizer');
    expect(exitCode, err).toBe(EXIT.USAGE);
    expect(err).toMatch(/denies (PTTL|MEMORY USAGE), which the estimate needs: NOPERM/);
    expect(err).toContain('+memory|usage');
  });

  it('fails without INFO, also if it was renamed', async () => {
    await using renamed = await RedisProcess.start({ conf: ['rename-command INFO ""'] });
    const { exitCode, err } = await callKit(
      'sizing',
      '--env',
      file,
      '--url',
      `redis://${renamed.address.host}:${renamed.address.port}`,
    );
    expect(exitCode, err).toBe(EXIT.USAGE);
    expect(err).toMatch(/the server denies INFO to this user: ERR unknown command/);
  });

  it('shows the difference, and writes nothing without confirmation', async () => {
    const before = readFileSync(file, 'utf8');
    const { exitCode, err } = await size('--apply');
    expect(exitCode).toBe(EXIT.USAGE);
    expect(err).toContain('-   maxmemory: 256mb\n+   maxmemory: 16mb');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('changes only the setting with --apply --yes, and keeps the comments', async () => {
    const before = readFileSync(file, 'utf8');
    const { exitCode, out, err } = await size('--apply', '--yes');
    expect(exitCode, err).toBe(EXIT.GO);
    expect(out).toContain('sized.yaml: written');
    expect(err).toContain('+   maxmemory: 16mb');
    expect(readFileSync(file, 'utf8')).toBe(before.replace('maxmemory: 256mb', 'maxmemory: 16mb'));
    expect((await size('--apply', '--yes')).out).toContain('nothing to change');
  });
});
