import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../client/index.ts';
import { deepFreeze, LocalTier } from '../../client/tiers/local.ts';

const entry = (value: unknown, freshUntilMs?: number) => ({
  payload: encodeEnvelope(value),
  tags: undefined,
  freshness: freshUntilMs === undefined ? undefined : { freshUntilMs, loadMs: 0 },
});

describe('the first tier', () => {
  let at = 0;
  const open = (maxEntries = 100): LocalTier => {
    at = 1_000;
    const tier = new LocalTier({ maxEntries, ttlMs: 500, now: () => at });
    tier.arm();
    return tier;
  };
  const put = (tier: LocalTier, key: string, value: unknown = key, freshUntilMs?: number): void =>
    tier.end(tier.begin(key), entry(value, freshUntilMs));

  it('holds what was filled until its time or its freshness is over, whichever comes first', () => {
    const tier = open();
    put(tier, 'own');
    put(tier, 'fresh', 1, 1_200);
    expect(tier.get('own')).toBeDefined();
    at = 1_200;
    expect(tier.get('fresh')).toBeUndefined();
    expect(tier.get('own')).toBeDefined();
    at = 1_500;
    expect(tier.get('own')).toBeUndefined();
    expect(tier.size).toBe(0);
  });

  it('does not fill what was invalidated while Redis was asked', () => {
    const tier = open();
    const [first, second] = [tier.begin('k'), tier.begin('k')];
    tier.invalidate('k');
    const third = tier.begin('k');
    tier.end(first, entry('old'));
    tier.end(second, entry('old'));
    expect(tier.get('k')).toBeUndefined();
    tier.end(third, entry('new'));
    expect(tier.get('k')?.payload).toEqual(encodeEnvelope('new'));
  });

  it('fills nothing that was asked for before it was disarmed or armed', () => {
    const tier = open();
    const before = tier.begin('k');
    tier.disarm();
    const between = tier.begin('k');
    tier.arm();
    tier.end(before, entry(1));
    tier.end(between, entry(1));
    expect(tier.get('k')).toBeUndefined();
  });

  it('serves nothing while it is not live, and remembers it until it is armed again', () => {
    const tier = open();
    put(tier, 'k');
    tier.disarm();
    expect(tier.get('k')).toBeUndefined();
    expect(tier.remembered('k')).toBeDefined();
    tier.arm();
    expect(tier.remembered('k')).toBeUndefined();
  });

  it('keeps what is asked for and evicts what is not', () => {
    const tier = open(3);
    for (const key of ['a', 'b', 'c']) put(tier, key);
    tier.get('a');
    put(tier, 'd');
    expect(['a', 'b', 'c', 'd'].filter((key) => tier.get(key))).toEqual(['a', 'c', 'd']);
    expect(tier.evictions).toBe(1);
  });

  it('never grows beyond its bound, whatever is asked of it', () => {
    const tier = open(50);
    for (let i = 0; i < 5_000; i++) {
      put(tier, `k${(i * 7919) % 200}`);
      tier.get(`k${i % 60}`);
      if (i % 11 === 0) tier.invalidate(`k${i % 200}`);
      expect(tier.size).toBeLessThanOrEqual(50);
    }
    tier.clear();
    put(tier, 'k');
    expect(tier.size).toBe(1);
  });

  it('freezes a value through and through', () => {
    const value = deepFreeze({ list: [{ n: 1 }], none: null });
    expect(() => value.list.push({ n: 2 })).toThrowError(TypeError);
    expect(() => {
      (value.list[0] as { n: number }).n = 2;
    }).toThrowError(TypeError);
  });
});
