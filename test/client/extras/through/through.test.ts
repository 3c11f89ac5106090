/** Read-through, write-through and write-behind with a Map-based source that fails, hangs or refuses on demand. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ChangeQueue } from '../../../../client/extras/through/queue.ts';
import { readThrough, writeThrough } from '../../../../client/extras/through/read-write.ts';
import {
  type Change,
  type Sink,
  type Source,
  type WriteBehindEvent,
  type WriteBehindOptions,
  writeBehind,
} from '../../../../client/extras/through/write-behind.ts';
import {
  type Cache,
  ClosedError,
  ConfigurationError,
  memoryCache,
  QueueFullError,
  SerializationError,
} from '../../../../client/index.ts';
import { waitUntil } from '../../../support/redis-process.ts';

class Table implements Source<unknown>, Sink<unknown> {
  readonly rows = new Map<string, unknown>();
  readonly batches: (readonly Change<unknown>[])[] = [];
  loads = 0;
  /** Called by each store before it does its work; may throw or hang. */
  fails: (changes: readonly Change<unknown>[]) => Promise<void> | void = () => {};

  load(key: string): unknown {
    this.loads += 1;
    return this.rows.get(key);
  }

  async store(changes: readonly Change<unknown>[]): Promise<void> {
    this.batches.push(changes);
    await this.fails(changes);
    for (const change of changes)
      if (change.kind === 'set') this.rows.set(change.key, change.value);
      else this.rows.delete(change.key);
  }
}

const caches: Cache[] = [];
const cacheOf = (): Cache => {
  const cache = memoryCache();
  caches.push(cache);
  return cache;
};
afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

const failing = (): never => {
  throw new Error('the table is locked');
};

describe('read-through', () => {
  it('loads a missing value once, and queries the source again for a value that the source did not have', async () => {
    const table = new Table();
    const store = readThrough(cacheOf(), table);
    expect(await store.get('k')).toBeUndefined();
    table.rows.set('k', 1);
    expect([await store.get('k'), table.loads]).toEqual([1, 2]);
    await waitUntil('the value is cached', async () => (await store.get('k')) === 1 && table.loads === 2);
  });
});

describe('write-through', () => {
  it('writes to the source, then to the cache', async () => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeThrough(cache, table);
    expect(await store.set('k', 1)).toEqual({ source: 'memory' });
    expect([table.rows.get('k'), await cache.get('k'), await store.get('k'), table.loads]).toEqual([
      1, 1, 1, 0,
    ]);
    await store.delete('k');
    expect([table.rows.has('k'), await cache.get('k')]).toEqual([false, undefined]);
  });

  it('leaves the cache unchanged when the source rejects the write', async () => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeThrough(cache, table);
    await store.set('k', 1);
    table.fails = failing;
    await expect(store.set('k', 2)).rejects.toThrowError('locked');
    await expect(store.delete('k')).rejects.toThrowError('locked');
    expect(await cache.get('k')).toBe(1);
  });

  it('removes the entry when only the source accepted the new value', async () => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeThrough(cache, table);
    await store.set('k', 1);
    await expect(store.set('k', 5n)).rejects.toThrowError(SerializationError);
    expect([table.rows.get('k'), await cache.get('k')]).toEqual([5n, undefined]);
  });

  it('keeps the order of writes to a key, even if the source is slow', async () => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeThrough(cache, table);
    table.fails = ([change]) =>
      new Promise((resolve) => setTimeout(resolve, change?.sequence === 1 ? 30 : 0));
    await Promise.all([store.set('k', 'old'), store.set('k', 'new')]);
    expect([table.rows.get('k'), await cache.get('k')]).toEqual(['new', 'new']);
  });

  it('deletes the entry instead of setting it when several processes write', async () => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeThrough(cache, table, { afterStore: 'delete' });
    expect(await store.set('k', 1)).toEqual({ source: 'none' });
    expect([await cache.get('k'), await store.get('k')]).toEqual([undefined, 1]);
  });
});

describe('write-behind', () => {
  const QUICK: WriteBehindOptions<unknown> = { maxDelayMs: 5, backoffMs: 1 };
  const opened = (options: WriteBehindOptions<unknown> = {}) => {
    const [table, cache] = [new Table(), cacheOf()];
    const store = writeBehind(cache, table, { ...QUICK, ...options });
    const events: WriteBehindEvent[] = [];
    store.on((event) => events.push(event));
    return { table, cache, store, events };
  };

  it('changes the cache immediately, and sends the last change per key to the source within the delay', async () => {
    const { table, cache, store } = opened({ maxDelayMs: 20 });
    for (let i = 0; i < 10; i++) await store.set('k', i);
    await store.set('other', 1);
    expect([await cache.get('k'), table.batches.length]).toEqual([9, 0]);
    await waitUntil('the source has the value', () => table.rows.get('k') === 9);
    expect(table.batches.map((batch) => batch.length)).toEqual([2]);
    expect(await store.close()).toEqual({
      queued: 0,
      stored: 2,
      coalesced: 9,
      retries: 0,
      lost: 0,
      refused: 0,
    });
  });

  it('sends a full batch without waiting', async () => {
    const { table, store } = opened({ maxDelayMs: 60_000, batchSize: 3 });
    for (const key of ['a', 'b', 'c']) await store.set(key, key);
    await waitUntil('the batch is stored', () => table.rows.size === 3);
    await store.close();
  });

  it('returns a pending value even if the cache has lost it, and no value while a removal is pending', async () => {
    const { table, cache, store } = opened({ maxDelayMs: 60_000 });
    table.rows.set('gone', 1);
    await store.set('k', 1);
    await store.delete('gone');
    await cache.clear();
    expect([await store.get('k'), await store.get('gone'), table.loads]).toEqual([1, undefined, 0]);
    await store.close();
    expect([...table.rows]).toEqual([['k', 1]]);
    expect(await store.get('k')).toBe(1);
  });

  it('removes an entry again if another process loaded it before the source changed', async () => {
    const { table, cache, store } = opened({ maxDelayMs: 60_000 });
    table.rows.set('k', 'old');
    await store.delete('k');
    // Another process loads the key because it has not seen the removal.
    expect(await cache.getOrCompute('k', () => table.load('k'))).toBe('old');
    await store.flush();
    expect(await store.get('k')).toBeUndefined();
    await store.close();
  });

  it('retries a failed store with increasing delays until it succeeds', async () => {
    const { table, store, events } = opened();
    let left = 3;
    table.fails = () => {
      if (left-- > 0) failing();
    };
    await store.set('k', 1);
    await waitUntil('the source has the value', () => table.rows.get('k') === 1);
    expect(store.stats()).toMatchObject({ stored: 1, retries: 3, lost: 0 });
    expect(events.map(({ type }) => type)).toEqual(['retry', 'retry', 'retry', 'stored']);
    await store.close();
  });

  it('keeps a change that arrives while an older change to the same key is being sent', async () => {
    const { table, store } = opened();
    const gate = Promise.withResolvers<void>();
    table.fails = ([change]) => (change?.sequence === 1 ? gate.promise : undefined);
    await store.set('k', 'old');
    await waitUntil('the first change is being sent', () => table.batches.length === 1);
    await store.set('k', 'new');
    expect(await store.get('k')).toBe('new');
    gate.resolve();
    await waitUntil('the second change is stored', () => table.rows.get('k') === 'new');
    await store.close();
  });

  it('counts and reports exactly the changes that it loses, and removes them from the cache', async () => {
    const { table, cache, store, events } = opened({ attempts: 2 });
    table.fails = (changes) => {
      if (changes.some(({ key }) => key === 'bad')) failing();
    };
    for (const key of ['a', 'bad', 'c']) await store.set(key, key);
    await store.flush();
    expect([...table.rows.keys()]).toEqual(['a', 'c']);
    expect(events.filter(({ type }) => type === 'lost')).toEqual([
      { type: 'lost', keys: ['bad'], reason: 'the table is locked' },
    ]);
    expect([await cache.get('bad'), await cache.get('a')]).toEqual([undefined, 'a']);
    expect(await store.close()).toMatchObject({ queued: 0, stored: 2, lost: 1 });
  });

  it('rejects a change for which the queue has no room, before the change reaches the cache', async () => {
    const { cache, store } = opened({ maxDelayMs: 60_000, queueMax: 2 });
    await store.set('a', 1);
    await store.set('b', 1);
    await expect(store.set('c', 1)).rejects.toThrowError(QueueFullError);
    await store.set('a', 2);
    expect([await cache.get('c'), store.stats().refused]).toEqual([undefined, 1]);
    await store.close();
  });

  it('sends no value that the cache rejects, and keeps the existing value', async () => {
    const { table, store } = opened({ maxDelayMs: 60_000 });
    await store.set('k', 1);
    await expect(store.set('k', 5n)).rejects.toThrowError(SerializationError);
    await expect(store.set('other', () => 1)).rejects.toThrowError(SerializationError);
    await store.close();
    expect([...table.rows]).toEqual([['k', 1]]);
  });

  it('flushes on close within the close timeout, and counts the changes that a hung source did not store', async () => {
    const { table, store, events } = opened({ maxDelayMs: 60_000, closeTimeoutMs: 50, batchSize: 2 });
    table.fails = () => new Promise(() => {});
    for (const key of ['a', 'b', 'c']) await store.set(key, 1);
    expect(await store.close()).toMatchObject({ queued: 0, stored: 0, lost: 3 });
    expect(events.flatMap((event) => (event.type === 'lost' ? event.keys : []))).toEqual(['a', 'b', 'c']);
    await expect(store.set('k', 1)).rejects.toThrowError(ClosedError);
  });

  it('on close, also stores changes in flight to the cache, and never acknowledges a lost change', async () => {
    const { table, store } = opened({ maxDelayMs: 60_000 });
    const [set, removed] = [store.set('a', 1), store.delete('b')];
    expect(await store.close()).toMatchObject({ stored: 2, lost: 0 });
    await Promise.all([set, removed]);
    expect([...table.rows]).toEqual([['a', 1]]);
  });

  it('treats a source that exceeds its timeout as failed', async () => {
    const { table, store, events } = opened({ storeTimeoutMs: 10, attempts: 3 });
    table.fails = () => (table.batches.length === 1 ? new Promise(() => {}) : undefined);
    await store.set('k', 1);
    await waitUntil('the second attempt has stored the value', () => table.rows.get('k') === 1);
    expect(events[0]).toMatchObject({ type: 'retry', reason: 'The sink did not reply in time' });
    await store.close();
  });

  it('accounts for every change to a key, even if many are in flight to the cache', async () => {
    const { table, store } = opened({ maxDelayMs: 60_000 });
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.set('k', i)));
    expect(await store.close()).toMatchObject({ stored: 1, coalesced: 19, lost: 0, queued: 0 });
    expect(table.rows.get('k')).toBe(19);
  });

  it('copies the value when it is set, and returns copies', async () => {
    const [table, was] = [new Table(), { list: [{ n: 1 }] }];
    const store = writeBehind<typeof was>(cacheOf(), table as never, { maxDelayMs: 60_000 });
    const mine = structuredClone(was);
    await store.set('k', mine);
    mine.list.push({ n: 2 });
    const first = await store.get('k');
    expect(first).toEqual(was);
    first?.list.push({ n: 3 });
    expect(await store.get('k')).toEqual(was);
    await store.close();
    expect(table.rows.get('k')).toEqual(was);
  });

  it('rejects a change that exceeds the limit for pending bytes', async () => {
    const { store } = opened({ maxDelayMs: 60_000, queueBytes: 1000 });
    await store.set('a', 'x'.repeat(600));
    await expect(store.set('b', 'x'.repeat(600))).rejects.toThrowError(
      /^b: its 60\d bytes and the 60\d bytes waiting to be stored exceed 1000 \(queueBytes\)/,
    );
    await store.flush();
    await store.set('b', 'x'.repeat(600));
    expect(store.stats()).toMatchObject({ queued: 1, stored: 1, refused: 1 });
    await store.close();
  });

  it('rejects invalid settings', () => {
    for (const bad of [{ batchSize: 0 }, { attempts: 1.5 }, { queueMax: Number.NaN }])
      expect(() => writeBehind(cacheOf(), new Table(), bad)).toThrowError(ConfigurationError);
  });
});

describe('the queue of changes', () => {
  it('returns the last released change to each key after any sequence of add, release and withdraw', () => {
    const steps = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b'), refused: fc.boolean(), late: fc.boolean() }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new ChangeQueue<number>(10);
        const changes = list.map(
          ({ key }, i): Change<number> => ({ kind: 'set', key, value: i, sequence: i }),
        );
        const settle = (i: number): void => {
          const [change, step] = [changes[i], list[i]];
          if (!change || !step) return;
          if (step.refused) queue.withdraw(change);
          else queue.release(change);
        };
        // The cache may accept or reject changes after all of them have been added, but always in the order in
        // which they were added.
        for (const [i, change] of changes.entries()) {
          queue.add(change);
          if (!list[i]?.late) settle(i);
        }
        for (const [i, step] of list.entries()) if (step.late) settle(i);
        const expected = ['a', 'b'].flatMap((key) =>
          list.flatMap((step, i) => (step.key === key && !step.refused ? [i] : [])).slice(-1),
        );
        expect(
          queue
            .take(10)
            .map(({ sequence }) => sequence)
            .sort(),
        ).toEqual(expected.sort());
        expect(queue.size).toBe(0);
        // Every change that the cache accepted is either released or counted as coalesced.
        const released = list.filter(({ refused }) => !refused).length;
        expect(queue.coalesced).toBe(released - expected.length);
      }),
    );
  });
});
