import { describe, expect, it } from 'vitest';
import { encodeEnvelope } from '../../../client/envelope.ts';
import type { CoherenceEvent } from '../../../client/l1/coherence.ts';
import { Fills } from '../../../client/l1/fills.ts';
import { type Coherent, deepFreeze, isPlainData, LocalTier } from '../../../client/l1/local.ts';
import { ReadBatcher } from '../../../client/l1/read-batcher.ts';

/** Stands in for the server: the test sends the invalidation messages. */
class Told implements Coherent {
  live = true;
  readonly boundMs = 500;
  readonly #fills = new Fills();
  #listener: (event: CoherenceEvent) => void = () => {};
  begin = (key: string) => (this.live ? this.#fills.begin(key) : this.#fills.refused());
  on = (listener: (event: CoherenceEvent) => void) => {
    this.#listener = listener;
    return () => {};
  };
  close = () => {};
  covers = (key: string) => !key.startsWith('ns:elsewhere');
  forget = (keys: readonly string[]): void => this.#changed(keys, true);
  /** Sends an invalidation message. */
  tell(...keys: readonly string[]): void {
    this.#changed(keys, false);
  }
  #changed(keys: readonly string[], here: boolean): void {
    for (const key of keys) this.#fills.invalidate(key);
    this.#listener({ type: 'invalidate', keys, here });
  }
  lose(): void {
    this.live = false;
    this.#listener({ type: 'lost', reason: 'simulated by the test' });
  }
  return(): void {
    this.live = true;
    this.#listener({ type: 'live' });
  }
  reset(): void {
    this.#fills.invalidateAll();
    this.#listener({ type: 'reset', reason: 'simulated by the test' });
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
  const open = (maxEntries = 100, maxBytes?: number): LocalTier => {
    at = 1_000;
    told = new Told();
    const bounds = { maxEntries, ...(maxBytes !== undefined && { maxBytes }) };
    return new LocalTier(told, { ...bounds, ttlMs: 500, prefix: 'ns:', now: () => at, clock: () => at });
  };
  const put = (tier: LocalTier, key: string, value: unknown = key, freshUntilMs?: number): void =>
    tier.begin(key).end(entry(value, freshUntilMs));

  it('holds a filled entry until its TTL or its freshness expires, whichever comes first', () => {
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

  it('holds only the entry, not the entire reply buffer', () => {
    const tier = open();
    const { payload } = entry('small');
    const delivered = Buffer.alloc(64 * 1024);
    payload.copy(delivered, 1_000);
    tier.begin('k').end({ ...entry('small'), payload: delivered.subarray(1_000, 1_000 + payload.length) });
    expect(tier.get('k')?.payload).toEqual(payload);
    expect(tier.get('k')?.payload.buffer.byteLength).toBe(payload.length);
  });

  it('drops an entry that any client changes, and does not store one that was changed during the read', () => {
    const tier = open();
    put(tier, 'k', 'old');
    const [first, second] = [tier.begin('k'), tier.begin('k')];
    told.tell('ns:k', 'ns:~tag:1');
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

  it('serves nothing while coherence is lost, and keeps the entries until the reset', () => {
    const tier = open();
    put(tier, 'k');
    told.live = false;
    expect(tier.get('k')).toBeUndefined();
    expect(tier.remembered('k')).toBeDefined();
    told.live = true;
    told.reset();
    expect(tier.remembered('k')).toBeUndefined();
  });

  it('keeps recently requested entries when it evicts others', () => {
    const tier = open(3);
    for (const key of ['a', 'b', 'c']) put(tier, key);
    tier.get('a');
    put(tier, 'd');
    expect(['a', 'b', 'c', 'd'].filter((key) => tier.get(key))).toEqual(['a', 'c', 'd']);
    expect(tier.evictions).toBe(1);
  });

  it('never exceeds its bound under any sequence of calls', () => {
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

  it('never exceeds its byte bound under any sequence of calls, and counts 0 bytes when it is empty', () => {
    const tier = open(50, 20_000);
    for (let i = 0; i < 5_000; i++) {
      const key = `k${(i * 7919) % 200}`;
      put(tier, key, 'x'.repeat((i * 31) % 3_000));
      const held = tier.get(`k${i % 60}`);
      if (held && i % 3 === 0) tier.weigh(`k${i % 60}`, held, held.payload.length);
      if (i % 11 === 0) tier.forget([`k${i % 200}`]);
      expect(tier.bytes).toBeLessThanOrEqual(20_000);
      expect(tier.bytes).toBeGreaterThanOrEqual(tier.size * 300);
    }
    tier.forget(Array.from({ length: 200 }, (_, i) => `k${i}`));
    expect([tier.size, tier.bytes]).toEqual([0, 0]);
    put(tier, 'k');
    tier.clear();
    expect(tier.bytes).toBe(0);
  });

  it('does not hold a value that exceeds the byte bound on its own, encoded or decoded', () => {
    const tier = open(50, 10_000);
    put(tier, 'small');
    put(tier, 'large', 'x'.repeat(10_000));
    expect([tier.get('small'), tier.get('large')].map(Boolean)).toEqual([true, false]);
    put(tier, 'too large once it is decoded', 'x'.repeat(3_000));
    expect(tier.get('too large once it is decoded')).toBeUndefined();
    put(tier, 'decoded', 'x'.repeat(1_000));
    const held = tier.get('decoded');
    expect(held).toBeDefined();
    if (held) tier.weigh('decoded', held, 4_000);
    expect([tier.get('small'), tier.get('decoded')].map(Boolean)).toEqual([true, false]);
  });

  describe('an entry that this process wrote to the first tier', () => {
    const stored = new Map<string, Buffer>();
    let asked: string[] = [];
    let answered: Promise<unknown> = Promise.resolve();
    const openOwn = (): LocalTier => {
      at = 1_000;
      told = new Told();
      stored.clear();
      asked = [];
      const ask = (key: string): Promise<Buffer | null> => {
        asked.push(key);
        const answer = Promise.resolve(stored.get(key) ?? null);
        answered = answer.then(() => {});
        return answer;
      };
      const clock = (): number => at;
      return new LocalTier(told, { maxEntries: 100, ttlMs: 10_000, prefix: 'ns:', now: clock, clock, ask });
    };
    /** Simulates a write, its acknowledgment and its message. */
    const written = (tier: LocalTier, value = 'own'): void => {
      const write = tier.write('k');
      stored.set('k', encodeEnvelope(value));
      told.tell('ns:k');
      write.end(entry(value));
    };
    const held = (tier: LocalTier): Buffer | undefined => tier.get('k')?.payload;

    it('is served immediately, and also beyond the bound once a read from Redis has confirmed it', async () => {
      const tier = openOwn();
      written(tier);
      expect(asked).toEqual([]);
      expect([held(tier), held(tier)]).toEqual([encodeEnvelope('own'), encodeEnvelope('own')]);
      expect(asked).toEqual(['k']);
      await answered;
      at += 5_000;
      expect(held(tier)).toEqual(encodeEnvelope('own'));
      expect(asked).toEqual(['k']);
      told.tell('ns:k');
      expect(held(tier)).toBeUndefined();
    });

    it('is dropped when Redis has another value, even if one message reports both writes', async () => {
      const tier = openOwn();
      written(tier);
      stored.set('k', encodeEnvelope('another'));
      expect(held(tier)).toEqual(encodeEnvelope('own'));
      await answered;
      expect(held(tier)).toBeUndefined();
      written(tier);
      stored.delete('k');
      held(tier);
      await answered;
      expect(held(tier)).toBeUndefined();
    });

    it('is served only for the bounded time after the write was sent, unless Redis confirms it', () => {
      const tier = openOwn();
      const write = tier.write('k');
      at += 100;
      write.end(entry('own'));
      at += 399;
      expect([held(tier), tier.remembered('k')?.payload]).toEqual([
        encodeEnvelope('own'),
        encodeEnvelope('own'),
      ]);
      at += 1;
      // The value is also not served while Redis is unreachable, because it may never have been current.
      expect(tier.remembered('k')).toBeUndefined();
      expect([held(tier), tier.size, asked]).toEqual([undefined, 0, []]);
    });

    it('is served while Redis is unreachable, if the outage began within the bound', () => {
      const tier = openOwn();
      written(tier);
      at += 499;
      told.lose();
      at += 5_000;
      expect([held(tier), tier.remembered('k')?.payload]).toEqual([undefined, encodeEnvelope('own')]);
      told.return();
      expect([tier.remembered('k'), held(tier)]).toEqual([undefined, undefined]);
    });

    it('survives the first message, which reports the write itself, and is dropped by a second message', () => {
      const tier = openOwn();
      const write = tier.write('k');
      write.end(entry('own'));
      expect([held(tier), asked]).toEqual([encodeEnvelope('own'), []]);
      told.tell('ns:k');
      expect([held(tier), asked]).toEqual([encodeEnvelope('own'), ['k']]);
      told.tell('ns:k');
      expect(held(tier)).toBeUndefined();
      const superseded = tier.write('k');
      told.tell('ns:k');
      told.tell('ns:k');
      superseded.end(entry('own'));
      expect(held(tier)).toBeUndefined();
    });

    it.each<[string, (tier: LocalTier) => void]>([
      ['a deletion by this process', (tier) => tier.forget(['k'])],
      ['another write by this process', (tier) => tier.write('k').end()],
      ['a deletion by pattern by this process', () => told.forget(['ns:k'])],
      ['a clear', (tier) => tier.clear()],
      ['a gap in the messages', () => told.reset()],
      [
        'a loss of coherence',
        () => {
          told.live = false;
        },
      ],
    ])('is not kept after %s, before or after its reply', (_, disturb) => {
      for (const early of [true, false]) {
        const tier = openOwn();
        put(tier, 'k', 'old');
        const write = tier.write('k');
        if (early) disturb(tier);
        write.end(entry('own'));
        if (!early) disturb(tier);
        expect(held(tier)).toBeUndefined();
      }
    });

    it('is not kept for a failed write, a key without notifications, or a write that began without coherence', () => {
      const tier = openOwn();
      put(tier, 'k', 'old');
      tier.write('k').end();
      expect(held(tier)).toBeUndefined();
      tier.write('elsewhere').end(entry('own'));
      expect(tier.get('elsewhere')).toBeUndefined();
      told.live = false;
      const early = tier.write('k');
      told.live = true;
      early.end(entry('own'));
      expect([held(tier), tier.size]).toEqual([undefined, 0]);
    });

    it('is not replaced by an earlier read, and not confirmed by a reply that precedes another write', async () => {
      const tier = openOwn();
      const read = tier.begin('k');
      written(tier);
      read.end(entry('old'));
      expect(held(tier)).toEqual(encodeEnvelope('own'));
      told.tell('ns:k');
      await answered;
      expect([held(tier), tier.size]).toEqual([undefined, 0]);
    });
  });

  it('distinguishes values that can be frozen from those that a schema may have produced', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const twice = { n: 1 };
    for (const plain of [null, 0, 'x', [twice, { again: twice }], Object.create(null)])
      expect(isPlainData(plain)).toBe(true);
    for (const other of [circle, [new Date(0)], { bytes: Buffer.from('x') }, new Map(), () => 1])
      expect(isPlainData(other)).toBe(false);
  });

  it('freezes a value deeply', () => {
    const value = deepFreeze({ list: [{ n: 1 }], none: null });
    expect(() => value.list.push({ n: 2 })).toThrowError(TypeError);
    expect(() => {
      (value.list[0] as { n: number }).n = 2;
    }).toThrowError(TypeError);
  });
});

describe('background reads in one tick', () => {
  it('are sent together after the tick, and each receives its own reply', async () => {
    const asked: string[] = [];
    let ticks = 0;
    const reads = new ReadBatcher((key) => {
      asked.push(`${key} ${ticks}`);
      process.nextTick(() => {
        ticks += 1;
      });
      return key === 'bad' ? Promise.reject(new Error('refused')) : Promise.resolve(Buffer.from(key));
    });
    const all = Promise.allSettled(['a', 'bad', 'b'].map((key) => reads.read(key)));
    await Promise.resolve();
    expect(asked).toEqual([]);
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    // The reads are sent in one tick, so a connection combines them into one command.
    expect(asked).toEqual(['a 0', 'bad 0', 'b 0']);
    expect(String(await reads.read('c'))).toBe('c');
  });
});
