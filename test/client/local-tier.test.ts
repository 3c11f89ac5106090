import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../client/index.ts';
import type { CoherenceEvent } from '../../client/tiers/coherence.ts';
import { Fills } from '../../client/tiers/fills.ts';
import { type Coherent, deepFreeze, LocalTier } from '../../client/tiers/local.ts';

/** What a server says, said by the test. */
class Told implements Coherent {
  live = true;
  readonly #fills = new Fills();
  #listener: (event: CoherenceEvent) => void = () => {};
  begin = (key: string) => (this.live ? this.#fills.begin(key) : this.#fills.refused());
  on = (listener: (event: CoherenceEvent) => void) => {
    this.#listener = listener;
    return () => {};
  };
  close = () => {};
  forget = (keys: readonly string[]): void => {
    for (const key of keys) this.#fills.overtake(key);
    this.#listener({ type: 'invalidate', keys });
  };
  reset(): void {
    this.#fills.overtakeAll();
    this.#listener({ type: 'reset', reason: 'the test says so' });
  }
}

const entry = (value: unknown, freshUntilMs?: number) => ({
  payload: encodeEnvelope(value),
  tags: undefined,
  freshness: freshUntilMs === undefined ? undefined : { freshUntilMs, loadMs: 0 },
});

describe('the first tier', () => {
  let at = 0;
  let told = new Told();
  const open = (maxEntries = 100): LocalTier => {
    at = 1_000;
    told = new Told();
    return new LocalTier(told, { maxEntries, ttlMs: 500, prefix: 'ns:', now: () => at });
  };
  const put = (tier: LocalTier, key: string, value: unknown = key, freshUntilMs?: number): void =>
    tier.begin(key).end(entry(value, freshUntilMs));

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

  it('drops what anybody changes, and does not fill what was changed while Redis was asked', () => {
    const tier = open();
    put(tier, 'k', 'old');
    const [first, second] = [tier.begin('k'), tier.begin('k')];
    told.forget(['ns:k', 'ns:~tag:1']);
    expect(tier.get('k')).toBeUndefined();
    const third = tier.begin('k');
    first.end(entry('old'));
    second.end(entry('old'));
    expect(tier.get('k')).toBeUndefined();
    third.end(entry('new'));
    expect(tier.get('k')?.payload).toEqual(encodeEnvelope('new'));
    tier.forget(['k']);
    expect(tier.get('k')).toBeUndefined();
  });

  it('serves nothing while coherence is not live, and remembers it until the reset', () => {
    const tier = open();
    put(tier, 'k');
    told.live = false;
    expect(tier.get('k')).toBeUndefined();
    expect(tier.remembered('k')).toBeDefined();
    told.live = true;
    told.reset();
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
      if (i % 11 === 0) tier.forget([`k${i % 200}`]);
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
