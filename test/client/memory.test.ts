import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../client/memory.ts';

const payload = Buffer.from('x');

describe('the memory store', () => {
  it('drops the entry that was used longest ago', () => {
    const store = new MemoryStore(2);
    store.set('a', payload, null);
    store.set('b', payload, null);
    store.get('a');
    store.set('c', payload, null);
    expect([store.get('a'), store.get('b'), store.get('c')]).toEqual([payload, undefined, payload]);
  });

  it('forgets an entry when its time is over, and not before', () => {
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

  it('counts the time of an entry by the monotonic clock', () => {
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

  it('never holds more than its capacity', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.array(fc.string({ maxLength: 3 })), (capacity, keys) => {
        const store = new MemoryStore(capacity);
        for (const key of keys) expect(store.set(key, payload, null)).toBe(capacity > 0);
        expect(store.size).toBe(Math.min(capacity, new Set(keys).size));
      }),
    );
  });

  it('tells whether a live entry was deleted, and how many were cleared', () => {
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
