/** Tests the policies against a simulated store and simulated processes, so that time and randomness are controlled. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LoadTimeoutError } from '../../../client/api/errors.ts';
import type { ComputeOptions, Entry, Load } from '../../../client/api/types.ts';
import {
  type Attempt,
  Engine,
  type Job,
  type Known,
  type LeaseState,
  type StaleReason,
  type WaitResult,
} from '../../../client/load/engine.ts';
import { resolveCompute, resolveTerms } from '../../../client/load/options.ts';
import type { StorePolicy } from '../../../client/load/policy.ts';
import { SingleFlight } from '../../../client/load/single-flight.ts';

const HELD: LeaseState = { kind: 'held', token: 'other', leftMs: 2000 };

/** The store as one load sees it. `turns` holds the replies to requests for the lease; the last reply is repeated. */
class Stage {
  entry: Known<unknown> | undefined;
  turns: LeaseState[] = [{ kind: 'mine' }];
  readonly stored: (StorePolicy & { readonly value: unknown })[] = [];
  readonly released: string[] = [];
  readonly stale: StaleReason[] = [];
  readonly counted: boolean[] = [];
  wakes: ((wake: WaitResult<unknown>) => void)[] = [];
  random = 0.5;
  loads = 0;
  readonly singleFlight = new SingleFlight();
  readonly #engine = new Engine({
    singleFlight: this.singleFlight,
    now: Date.now,
    clock: () => performance.now(),
    random: () => this.random,
    counted: (hit) => this.counted.push(hit),
    loading: () => {
      this.loads += 1;
    },
    stale: (_key, reason) => this.stale.push(reason),
    later: (work) => void work,
  });

  compute<T>(load: Load<T>, options: ComputeOptions = {}, ttlSeconds: number | null = 10): Promise<Entry<T>> {
    const job: Job<T> = {
      key: 'k',
      load,
      terms: resolveTerms(options, resolveCompute().terms),
      ttlSeconds,
      attempt: () => this.#attempt() as Attempt<T>,
    };
    return this.#engine.compute(job);
  }

  /** Stores an entry that stays fresh for `freshMs` from now; with a negative value it is already stale. */
  has(value: unknown, freshMs: number, loadMs = 100): void {
    this.entry = {
      kind: 'known',
      value,
      source: 'redis',
      freshness: { freshUntilMs: Date.now() + freshMs, loadMs },
    };
  }

  #attempt(): Attempt<unknown> {
    const take = async (): Promise<LeaseState> =>
      (this.turns.length > 1 ? this.turns.shift() : this.turns[0]) as LeaseState;
    return {
      fetch: async () => this.entry ?? take(),
      take,
      wait: (_held, maxMs) =>
        new Promise((resolve) => {
          this.wakes.push(resolve);
          setTimeout(() => resolve({ kind: 'again' }), Math.min(maxMs, 2000));
        }),
      prepare: () => undefined,
      addTags: async () => {},
      store: async (value, policy) => {
        this.stored.push({ ...policy, value });
        this.entry = { kind: 'known', value, source: 'redis', freshness: policy.freshness };
      },
      release: async (outcome) => {
        this.released.push(outcome);
      },
    };
  }
}

let stage: Stage;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  stage = new Stage();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const after = <T>(ms: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(() => resolve(value), ms));
const never = (): Promise<never> => new Promise(() => {});
const fail = (): never => {
  throw new Error('no luck');
};

it('the engine returns a fresh value, and loads a missing one once for concurrent callers', async () => {
  const load = vi.fn(() => after(50, 'new'));
  const both = [stage.compute(load), stage.compute(load)];
  await pass(50);
  expect(await Promise.all(both)).toEqual(Array(2).fill({ value: 'new', source: 'loader' }));
  expect(stage.stored).toEqual([
    { value: 'new', ttlSeconds: 10, keepSeconds: 10, freshness: undefined, nothing: false },
  ]);
  expect(await stage.compute(fail)).toEqual({ value: 'new', source: 'redis' });
  expect([load.mock.calls.length, stage.loads, stage.counted]).toEqual([1, 1, [false, true]]);
});

it('the engine returns a stale value immediately while one load refreshes it', async () => {
  stage.has('old', -1000);
  const options = { staleWhileRevalidateSeconds: 5 };
  const load = vi.fn(() => after(50, 'new'));
  for (let i = 0; i < 3; i++)
    expect(await stage.compute(load, options)).toEqual({ value: 'old', source: 'redis', stale: true });
  await pass(50);
  expect(await stage.compute(fail, options)).toEqual({ value: 'new', source: 'redis' });
  expect(stage.loads).toBe(1);
  expect(stage.stored[0]).toMatchObject({ ttlSeconds: 10, keepSeconds: 15 });
  expect(stage.stored[0]?.freshness).toEqual({ freshUntilMs: Date.now() + 10_000, loadMs: 50 });
});

it('the engine leaves a refresh to the current lease holder', async () => {
  stage.has('old', -1000);
  stage.turns = [HELD];
  await stage.compute(fail, { staleWhileRevalidateSeconds: 5 });
  await pass(10);
  expect([stage.loads, stage.wakes.length]).toEqual([0, 0]);
});

it('the engine loads a value again when all its stale windows have ended', async () => {
  stage.has('old', -5001);
  const options = { staleWhileRevalidateSeconds: 5, graceSeconds: 5 };
  expect(await stage.compute(() => 'new', options)).toEqual({ value: 'new', source: 'loader' });
  stage.has('old', -5001);
  await expect(stage.compute(fail, options)).rejects.toThrowError('no luck');
});

it('the engine returns the stale value when the loader fails, and backs off longer after each failure', async () => {
  stage.has('old', -1000);
  const options = { graceSeconds: 3600, graceBackoffMs: 100 };
  const load = vi.fn(fail);
  const calls: number[] = [];
  for (let ms = 0; ms < 1000; ms += 50) {
    expect(await stage.compute(load, options)).toEqual({ value: 'old', source: 'redis', stale: true });
    if (load.mock.calls.length > calls.length) calls.push(ms);
    await pass(50);
  }
  expect(calls).toEqual([0, 100, 300, 700]);
  expect(new Set(stage.stale)).toEqual(new Set(['failed', 'resting']));
  expect(stage.released).toEqual(Array(4).fill('failed'));
  await pass(1000);
  expect(await stage.compute(() => 'new', options)).toEqual({ value: 'new', source: 'loader' });
  stage.has('old', -1000);
  await stage.compute(load, options);
  await pass(100);
  await stage.compute(load, options);
  expect(load).toHaveBeenCalledTimes(6);
});

it('the backoff never exceeds its bound', async () => {
  stage.has('old', -1000);
  const load = vi.fn(fail);
  for (let s = 0; s < 300; s++) {
    await stage.compute(load, { graceSeconds: 3600, graceBackoffMs: 10_000 });
    await pass(1000);
  }
  expect(load).toHaveBeenCalledTimes(11);
});

it('the engine throws the loader’s error to all callers when there is no stale value', async () => {
  const both = await Promise.allSettled([
    stage.compute(fail, { graceSeconds: 60 }),
    stage.compute(fail, { graceSeconds: 60 }),
  ]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(stage.released).toEqual(['failed']);
});

it('the engine returns the stale value when the load is slow, and the load continues', async () => {
  stage.has('old', -1000);
  const options = { graceSeconds: 60, softTimeoutMs: 20 };
  const first = stage.compute(() => after(100, 'new'), options);
  await pass(20);
  expect(await first).toEqual({ value: 'old', source: 'redis', stale: true });
  // The entry is stale and the load is slow, so a later caller gets the stale value without waiting.
  expect(await stage.compute(fail, options)).toEqual({ value: 'old', source: 'redis', stale: true });
  await pass(80);
  expect(await stage.compute(fail, options)).toEqual({ value: 'new', source: 'redis' });
  expect(stage.stale).toEqual(['slow', 'slow']);
});

it('the engine waits for a slow load when there is no stale value', async () => {
  const answer = stage.compute(() => after(500, 'new'), { graceSeconds: 60, softTimeoutMs: 20 });
  await pass(500);
  expect(await answer).toEqual({ value: 'new', source: 'loader' });
});

it('a load that exceeds the hard timeout is aborted, fails with a typed error, and stores nothing', async () => {
  let given: AbortSignal | undefined;
  const slow = ({ signal }: { signal: AbortSignal }): Promise<string> => {
    given = signal;
    return after(200, 'late');
  };
  const first = stage.compute(slow, { hardTimeoutMs: 100 });
  const refused = expect(first).rejects.toThrowError(LoadTimeoutError);
  await pass(100);
  await refused;
  expect(given?.aborted).toBe(true);
  expect(given?.reason).toBeInstanceOf(LoadTimeoutError);
  expect(await stage.compute(() => 'next')).toEqual({ value: 'next', source: 'loader' });
  await pass(200);
  expect(stage.stored.map(({ value }) => value)).toEqual(['next']);
  expect(stage.released).toEqual(['failed']);
});

it.each([3_600_000, -3_600_000])(
  'waits and backoffs keep their duration when the wall clock steps by %i ms',
  async (step) => {
    stage.turns = [HELD];
    const waiting = stage.compute(never, { hardTimeoutMs: 100 });
    const refused = expect(waiting).rejects.toThrowError(LoadTimeoutError);
    await pass(50);
    vi.setSystemTime(Date.now() + step);
    await pass(49);
    for (const wake of stage.wakes.splice(0)) wake({ kind: 'again' });
    await pass(0);
    // The caller is still waiting: it requested the lease again and got the same reply.
    expect(stage.wakes).toHaveLength(1);
    await pass(1);
    for (const wake of stage.wakes.splice(0)) wake({ kind: 'again' });
    await refused;

    stage.turns = [{ kind: 'mine' }];
    const load = vi.fn(fail);
    const resting = async (): Promise<void> => {
      stage.has('old', -1000);
      await stage.compute(load, { graceSeconds: 7200, graceBackoffMs: 1000 });
    };
    await resting();
    vi.setSystemTime(Date.now() + step);
    await pass(999);
    await resting();
    expect(load).toHaveBeenCalledTimes(1);
    await pass(1);
    await resting();
    expect(load).toHaveBeenCalledTimes(2);
  },
);

it('the engine returns the stale value after the hard timeout', async () => {
  stage.has('old', -1000);
  const answer = stage.compute(never, { graceSeconds: 60, hardTimeoutMs: 100 });
  await pass(100);
  expect(await answer).toEqual({ value: 'old', source: 'redis', stale: true });
});

it('the engine refreshes a fresh value early with the configured probability', async () => {
  stage.has('old', 1000, 500);
  stage.random = 0.5;
  expect(await stage.compute(fail, { earlyRefresh: 1 })).toEqual({ value: 'old', source: 'redis' });
  // 500 ms x -ln(1 - 0.9) = 1151 ms, which is more than the remaining 1000 ms.
  stage.random = 0.9;
  expect(await stage.compute(() => 'new', { earlyRefresh: 1 })).toEqual({ value: 'old', source: 'redis' });
  await pass(1);
  expect(await stage.compute(fail)).toEqual({ value: 'new', source: 'redis' });
  expect(stage.stale).toEqual([]);
});

it('the engine stores null, false, 0 and the empty string, and does not store undefined', async () => {
  for (const value of [null, false, 0, '']) {
    stage.entry = undefined;
    expect(await stage.compute(() => value)).toEqual({ value, source: 'loader' });
    expect(await stage.compute(fail)).toEqual({ value, source: 'redis' });
  }
  stage.entry = undefined;
  expect(await stage.compute(() => undefined)).toEqual({ value: undefined, source: 'loader' });
  await expect(stage.compute(fail)).rejects.toThrowError('no luck');
  expect(stage.released).toEqual(['nothing', 'failed']);
});

it('the engine stores negative results if configured to, and uses the same TTL for null', async () => {
  const options = { negativeTtlSeconds: 2, graceSeconds: 60 };
  expect(await stage.compute(() => undefined, options)).toEqual({ value: undefined, source: 'loader' });
  expect(await stage.compute(fail, options)).toEqual({ value: undefined, source: 'redis' });
  expect(stage.stored[0]).toMatchObject({ ttlSeconds: 2, keepSeconds: 2, nothing: true });
  stage.entry = undefined;
  await stage.compute(() => null, options);
  expect(stage.stored[1]).toMatchObject({ value: null, ttlSeconds: 2, nothing: false });
});

it('the engine does not store a value whose TTL is 0, and stores a value without expiry if it has no TTL', async () => {
  await stage.compute(() => 'x', {}, 0);
  expect([stage.stored, stage.released]).toEqual([[], ['again']]);
  await stage.compute(() => 'x', { graceSeconds: 60, ttlJitter: 1 }, null);
  expect(stage.stored[0]).toMatchObject({ ttlSeconds: null, keepSeconds: null, freshness: undefined });
});

it('the engine subtracts a random part of the jitter from the TTL', async () => {
  stage.random = 0.25;
  await stage.compute(() => 'x', { ttlJitter: 0.2 }, 100);
  expect(stage.stored[0]).toMatchObject({ ttlSeconds: 95, keepSeconds: 95 });
});

it('the engine returns a loaded value, but does not store it if the key changed during the load', async () => {
  const first = stage.compute(() => after(100, 'old'));
  await pass(50);
  stage.singleFlight.invalidate('k');
  const second = stage.compute(() => after(10, 'new'));
  await pass(50);
  expect([await first, await second]).toEqual([
    { value: 'old', source: 'loader' },
    { value: 'new', source: 'loader' },
  ]);
  expect(stage.stored.map(({ value }) => value)).toEqual(['new']);
  expect(stage.released).toEqual(['again']);
});

it('the engine does not store a refresh if its key was changed during the refresh', async () => {
  stage.has('old', -1000);
  await stage.compute(() => after(100, 'new'), { staleWhileRevalidateSeconds: 60 });
  stage.singleFlight.invalidateAll();
  await pass(100);
  expect([stage.stored, stage.released]).toEqual([[], ['again']]);
});

it('the engine waits for another process, and returns its value', async () => {
  stage.turns = [HELD];
  const answer = stage.compute(fail);
  await pass(10);
  stage.wakes[0]?.({ kind: 'known', value: 'theirs', source: 'redis', freshness: undefined });
  expect(await answer).toEqual({ value: 'theirs', source: 'redis' });
});

it('the engine requests the lease again if no notification arrives, and loads when the lease is free', async () => {
  stage.turns = [HELD, HELD, { kind: 'mine' }];
  const answer = stage.compute(() => 'mine');
  await pass(4000);
  expect(await answer).toEqual({ value: 'mine', source: 'loader' });
});

it('the engine loads without a second wait after another process fails to load', async () => {
  stage.turns = [HELD];
  const answer = stage.compute(() => 'mine');
  await pass(10);
  stage.wakes[0]?.({ kind: 'failed' });
  expect(await answer).toEqual({ value: 'mine', source: 'loader' });
});

it('the engine returns the stale value after another process fails to load', async () => {
  stage.has('old', -1000);
  stage.turns = [HELD];
  const answer = stage.compute(fail, { graceSeconds: 60 });
  await pass(10);
  stage.wakes[0]?.({ kind: 'failed' });
  expect(await answer).toEqual({ value: 'old', source: 'redis', stale: true });
  expect(stage.loads).toBe(0);
});

it('the engine replaces the stale value that another process failed to replace', async () => {
  stage.has('old', -1000);
  stage.turns = [HELD, { kind: 'mine' }];
  const answer = stage.compute(() => 'new', { graceSeconds: 60 });
  await pass(2000);
  expect(await answer).toEqual({ value: 'new', source: 'loader' });
});

it('the engine waits no longer than the hard timeout for another process', async () => {
  stage.turns = [HELD];
  const answer = stage.compute(fail, { hardTimeoutMs: 3000 });
  const refused = expect(answer).rejects.toThrowError(LoadTimeoutError);
  await pass(3000);
  await refused;
});

it('a load that follows a wait gets only the rest of the hard timeout', async () => {
  stage.turns = [HELD, { kind: 'mine' }];
  const answer = stage.compute(never, { hardTimeoutMs: 2100 });
  const refused = expect(answer).rejects.toThrowError('not loaded within 2100 ms');
  await pass(2000);
  expect(stage.loads).toBe(1);
  await pass(100);
  await refused;
});
