import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ClientLimitError,
  CommandError,
  isServerFailure,
  NotSentError,
  TimeoutError,
} from '../../../client/api/errors.ts';
import { Emitter } from '../../../client/api/events.ts';
import type { CacheEvent } from '../../../client/api/types.ts';
import { Breaker } from '../../../client/cache/breaker.ts';
import type { ResolvedBreaker } from '../../../client/cache/options.ts';

const options: ResolvedBreaker = {
  enabled: true,
  threshold: 3,
  openMs: 60_000,
  probeIntervalMs: 500,
  sampling: undefined,
};

function breakerWith(probe: () => Promise<unknown>, change: Partial<ResolvedBreaker> = {}) {
  const events = new Emitter<CacheEvent>();
  const moves: string[] = [];
  events.on((event) => event.type === 'breaker' && moves.push(`${event.from} > ${event.to}`));
  return { breaker: new Breaker({ ...options, ...change }, probe, events), moves };
}

const never = (): Promise<never> => Promise.reject(new Error('Redis is unreachable'));
const fail = (breaker: Breaker, times: number): void => {
  for (let i = 0; i < times; i++) breaker.failure(breaker.permit(), 'timeout');
};

describe('the circuit breaker', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('opens after the configured number of consecutive failures, and then rejects calls', () => {
    const { breaker, moves } = breakerWith(never);
    fail(breaker, 2);
    breaker.success(breaker.permit());
    fail(breaker, 2);
    expect(breaker.state).toEqual({ kind: 'closed', failures: 2 });
    fail(breaker, 1);
    expect(breaker.state).toMatchObject({ kind: 'open', cause: 'timeout', until: Date.now() + 60_000 });
    expect(breaker.permit()).toBe('refused');
    expect(moves).toEqual(['closed > open']);
    breaker.stop();
  });

  it('does not probe after stop, even when calls still fail', () => {
    const { breaker } = breakerWith(never);
    breaker.stop();
    fail(breaker, 3);
    expect(breaker.state.kind).toBe('open');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('opens at the configured failure ratio, even when calls succeed in between', () => {
    const sampling = { failureRatio: 0.5, minCalls: 10, windowMs: 1_000 };
    const { breaker } = breakerWith(never, { sampling });
    const one = (failed: boolean): void => {
      if (failed) fail(breaker, 1);
      else breaker.success(breaker.permit());
    };
    for (let i = 0; i < 9; i++) one(i % 2 === 0);
    expect(breaker.state.kind).toBe('closed');
    one(true);
    expect(breaker.state.kind).toBe('open');
    breaker.stop();
  });

  it('ignores failures older than its window', () => {
    const sampling = { failureRatio: 0.5, minCalls: 4, windowMs: 1_000 };
    const { breaker } = breakerWith(never, { sampling });
    fail(breaker, 2);
    vi.advanceTimersByTime(1_100);
    breaker.success(breaker.permit());
    breaker.success(breaker.permit());
    breaker.success(breaker.permit());
    fail(breaker, 2);
    expect(breaker.state).toEqual({ kind: 'closed', failures: 2 });
    breaker.stop();
  });

  it('half-opens immediately when a background probe succeeds, and closes on the trial call', async () => {
    let answers = false;
    const { breaker, moves } = breakerWith(() => (answers ? Promise.resolve() : never()));
    fail(breaker, 3);
    await vi.advanceTimersByTimeAsync(1100);
    expect(breaker.state.kind).toBe('open');
    answers = true;
    await vi.advanceTimersByTimeAsync(500);
    expect(breaker.state.kind).toBe('half-open');
    const trial = breaker.permit();
    expect([trial, breaker.permit()]).toEqual(['trial', 'refused']);
    breaker.success(trial);
    expect(breaker.state).toEqual({ kind: 'closed', failures: 0 });
    expect(moves).toEqual(['closed > open', 'open > half-open', 'half-open > closed']);
    expect(breaker.transitions).toBe(3);
  });

  it('stays open only for its open time, and opens again when the trial call fails', async () => {
    const { breaker } = breakerWith(never, { openMs: 2000 });
    fail(breaker, 3);
    await vi.advanceTimersByTimeAsync(1999);
    expect(breaker.permit()).toBe('refused');
    await vi.advanceTimersByTimeAsync(1);
    const trial = breaker.permit();
    expect(trial).toBe('trial');
    breaker.failure(trial, 'again');
    expect(breaker.state).toMatchObject({ kind: 'open', cause: 'again' });
    breaker.stop();
  });

  it.each([3_600_000, -3_600_000])(
    'stays open for its open time when the wall clock steps by %i ms',
    async (step) => {
      const { breaker } = breakerWith(never, {
        openMs: 2000,
        sampling: { failureRatio: 1, minCalls: 9, windowMs: 1000 },
      });
      fail(breaker, 3);
      vi.setSystemTime(Date.now() + step);
      await vi.advanceTimersByTimeAsync(1999);
      expect(breaker.permit()).toBe('refused');
      await vi.advanceTimersByTimeAsync(1);
      const trial = breaker.permit();
      expect(trial).toBe('trial');
      breaker.success(trial);
      expect(breaker.recoveries).toEqual({ count: 1, totalMs: 2000 });
      breaker.stop();
    },
  );

  it('ignores the results of calls that began before it opened', () => {
    const { breaker } = breakerWith(never);
    const early = breaker.permit();
    fail(breaker, 3);
    breaker.success(early);
    breaker.failure(early, 'late');
    expect(breaker.state.kind).toBe('open');
    breaker.stop();
  });

  it('ignores calls that did not reach Redis', () => {
    const { breaker } = breakerWith(never, { openMs: 1000 });
    for (let i = 0; i < 10; i++) breaker.abstain(breaker.permit());
    expect(breaker.state).toEqual({ kind: 'closed', failures: 0 });
    fail(breaker, 3);
    vi.advanceTimersByTime(1000);
    breaker.abstain(breaker.permit());
    expect(breaker.state.kind).toBe('half-open');
    // The next call is the trial call that determines the state.
    const trial = breaker.permit();
    expect(trial).toBe('trial');
    breaker.success(trial);
    expect(breaker.state.kind).toBe('closed');
  });

  it.each<[string, unknown, boolean]>([
    ['no reply', new TimeoutError('GET'), true],
    ['no master', new NotSentError('GET'), true],
    ['a node that is loading', new CommandError('LOADING Redis is loading the dataset in memory'), true],
    ['a cluster that is down', new CommandError('CLUSTERDOWN The cluster is down'), true],
    ['a slot that no shard serves', new CommandError('CLUSTERDOWN Hash slot not served'), false],
    ['an exceeded client limit', new ClientLimitError('GET'), false],
    ['a slot that another node serves', new CommandError('MOVED 1 h:1'), false],
    ['a key that is being migrated', new CommandError('ASK 1 h:1'), false],
    ['keys that are split between two nodes', new CommandError('TRYAGAIN Multiple keys request'), false],
    ['a command that Redis refuses', new CommandError('OOM command not allowed'), false],
  ])('counts a failure of Redis: %s', (_, error, counts) => {
    expect(isServerFailure(error)).toBe(counts);
  });

  it('runs one probe at a time', async () => {
    const probe = vi.fn(() => new Promise<void>(() => {}));
    const { breaker } = breakerWith(probe);
    fail(breaker, 3);
    breaker.probeNow();
    await vi.advanceTimersByTimeAsync(5000);
    expect(probe).toHaveBeenCalledTimes(1);
    breaker.stop();
  });

  it('accepts a rejected PING as a reply, but not if the server is loading', async () => {
    const refusals = ['LOADING Redis is loading the dataset in memory', 'MISCONF Redis cannot save'];
    const { breaker, moves } = breakerWith(() => Promise.reject(new CommandError(refusals.shift() ?? '')));
    fail(breaker, 3);
    await vi.advanceTimersByTimeAsync(500);
    expect(moves).toEqual(['closed > open']);
    await vi.advanceTimersByTimeAsync(500);
    expect(moves).toEqual(['closed > open', 'open > half-open']);
    breaker.stop();
  });

  it('never opens when it is disabled', () => {
    const { breaker } = breakerWith(never, { enabled: false });
    fail(breaker, 100);
    expect(breaker.permit()).toBe('pass');
  });
});
