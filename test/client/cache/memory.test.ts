import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../../client/cache/memory.ts';

const payload = Buffer.from('x');

describe('the memory store', () => {
  it('evicts the least recently used entry', () => {
    const store = new MemoryStore(2);
    store.set('a', payload, null);
    store.set('b', payload, null);
    store.get('a');
    store.set('c', payload, null);
    expect([store.get('a'), store.get('b'), store.get('c')]).toEqual([payload, undefined, payload]);
  });

  it('expires an entry when its TTL has elapsed, and not earlier', () => {
    let now = 0;
    const store = new MemoryStore(10, () => now);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (ttl) => {
        store.set('k', payload, ttl);
        now += ttl * 1000 - 1;
        expect(store.get('k')).toBe(payload);
        now += 1;
        expect(store.get('k')).toBeUndefined();
      }),
    );
  });

  it('measures the age of an entry with the monotonic clock', () => {
    vi.useFakeTimers();
    const store = new MemoryStore(10);
    store.set('k', payload, 10);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(store.get('k')).toEqual(payload);
    vi.setSystemTime(Date.now() - 7_200_000);
    vi.advanceTimersByTime(10_000);
    expect(store.get('k')).toBeUndefined();
    vi.useRealTimers();
  });

  it('never exceeds its capacity', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.array(fc.string({ maxLength: 3 })), (capacity, keys) => {
        const store = new MemoryStore(capacity);
        for (const key of keys) expect(store.set(key, payload, null)).toBe(capacity > 0);
        expect(store.size).toBe(Math.min(capacity, new Set(keys).size));
      }),
    );
  });

  it('never exceeds its byte bound, and counts bytes correctly after every operation', () => {
    const maxBytes = 3000;
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key: fc.nat(9), size: fc.nat(3500), ttl: fc.nat(3) }),
      fc.record({ do: fc.constant('get' as const), key: fc.nat(9) }),
      fc.record({ do: fc.constant('delete' as const), key: fc.nat(9) }),
      fc.record({ do: fc.constantFrom('clear' as const, 'wait' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0;
        const store = new MemoryStore(5, () => now, maxBytes);
        const sizes = new Map<string, number>();
        for (const each of steps) {
          if (each.do === 'clear') store.clear();
          else if (each.do === 'wait') now += 1000;
          else if (each.do === 'set') {
            const key = `k${each.key}`;
            const kept = store.set(key, Buffer.alloc(each.size), each.ttl + 1);
            sizes.set(key, 300 + 4 + each.size);
            expect(kept).toBe(304 + each.size <= maxBytes);
            if (kept) expect(store.get(key)?.length).toBe(each.size);
            else expect(store.get(key)).toBeUndefined();
          } else if (each.do === 'get') store.get(`k${each.key}`);
          else if (each.do === 'delete') store.delete(`k${each.key}`);
          const held = [...sizes.keys()].filter((key) => store.remainingMs(key) !== undefined);
          const least = held.reduce((sum, key) => sum + (sizes.get(key) as number), 0);
          expect(store.bytes).toBeGreaterThanOrEqual(least);
          expect(store.bytes).toBeLessThanOrEqual(maxBytes);
          expect(store.bytes > 0).toBe(store.size > 0);
        }
        store.clear();
        expect(store.bytes).toBe(0);
      }),
    );
  });

  it('keeps recently used entries when a large entry needs space', () => {
    const store = new MemoryStore(100, undefined, 10_000);
    for (const key of ['a', 'b', 'c']) store.set(key, Buffer.alloc(2000), null);
    store.get('a');
    expect(store.set('d', Buffer.alloc(6000), null)).toBe(true);
    expect(['a', 'b', 'c', 'd'].map((key) => store.get(key)?.length)).toEqual([
      2000,
      undefined,
      undefined,
      6000,
    ]);
    expect(store.set('a', Buffer.alloc(20_000), null)).toBe(false);
    expect(store.get('a')).toBeUndefined();
  });

  it('returns whether a live entry was deleted, and the number of cleared entries', () => {
    let now = 0;
    const store = new MemoryStore(10, () => now);
    store.set('a', payload, 1);
    store.set('b', payload, null);
    expect([store.delete('b'), store.delete('b')]).toEqual([true, false]);
    now = 1000;
    expect(store.delete('a')).toBe(false);
    store.set('c', payload, null);
    expect(store.clear()).toBe(1);
  });
});
