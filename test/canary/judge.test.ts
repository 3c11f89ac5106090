/** The judge returns each verdict only if the condition for it is met, and the bounds of its e-processes hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, type EProcess, logEvidence, NEW_PROCESS } from '../../canary/judge/e-process.ts';
import { deltaUpperBound, designEffect } from '../../canary/judge/proof.ts';
import { sampleRatioP } from '../../canary/judge/sample-ratio.ts';
import { INITIAL_STATE } from '../../canary/judge/state.ts';
import { step } from '../../canary/judge/step.ts';
import { binomialTail } from '../../harness/statistics/beta.ts';
import { HEALTHY, Rollout, RULES } from './traffic.ts';

const RESTART_MS = 300_000;

describe('an e-process', () => {
  it('has an expected value of 1 after any look, for every share and number of events', () => {
    const shares = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(shares, fc.integer({ min: 0, max: 40 }), (share, total) => {
        const atLeast = (k: number) => binomialTail(k, total, share);
        const expectation = Array.from({ length: total + 1 }, (_, canary) => {
          const one = advance(NEW_PROCESS, { canary, total, share }, 0, RESTART_MS);
          // The first copy has the weight 1/2; the rest of the stake is reserved for later copies.
          return (atLeast(canary) - atLeast(canary + 1)) * 2 * Math.exp(logEvidence(one));
        }).reduce((sum, term) => sum + term, 0);
        expect(expectation).toBeCloseTo(1, 6);
      }),
      { numRuns: 50 },
    );
  });

  it('never stakes more than 1 in total across its copies', () => {
    let process: EProcess = NEW_PROCESS;
    for (let look = 0; look < 300; look++)
      process = advance(process, { canary: 0, total: 0, share: 0.1 }, look * RESTART_MS, RESTART_MS);
    expect(logEvidence(process)).toBeLessThanOrEqual(0);
    expect(process.copies).toHaveLength(48);
  });

  it('grows with each event in the canary, and falls with each event in the control', () => {
    const counts = fc.integer({ min: 0, max: 200 });
    fc.assert(
      fc.property(counts, counts, (canary, control) => {
        const evidence = (k: number, total: number) =>
          logEvidence(advance(NEW_PROCESS, { canary: k, total, share: 0.1 }, 0, RESTART_MS));
        const total = canary + control;
        expect(evidence(canary + 1, total + 1)).toBeGreaterThan(evidence(canary, total));
        expect(evidence(canary, total + 1)).toBeLessThan(evidence(canary, total));
      }),
      { numRuns: 200 },
    );
  });

  it('detects late harm within 60 looks, after 360 healthy ones', () => {
    let process: EProcess = NEW_PROCESS;
    const looks = (n: number, canary: number, from: number) => {
      for (let i = 0; i < n; i++)
        process = advance(process, { canary, total: 10, share: 0.1 }, (from + i) * 5_000, RESTART_MS);
    };
    looks(360, 1, 0);
    expect(logEvidence(process)).toBeLessThan(0);
    looks(60, 5, 360);
    expect(logEvidence(process)).toBeGreaterThan(Math.log(40));
  });
});

describe('the proof of a promotion', () => {
  it('bounds the delta from above, and narrows with more requests', () => {
    const few = deltaUpperBound({ events: 10, n: 1_000 }, { events: 90, n: 9_000 }, 0.995);
    const many = deltaUpperBound({ events: 100, n: 10_000 }, { events: 900, n: 90_000 }, 0.995);
    expect(few).toBeGreaterThan(0.01);
    expect(many).toBeLessThan(0.005);
    expect(many).toBeGreaterThan(0);
  });

  it('proves nothing without requests', () => {
    expect(deltaUpperBound({ events: 0, n: 0 }, { events: 0, n: 10_000 }, 0.995)).toBe(1);
  });

  it('counts clustered errors as fewer observations', () => {
    const effect = designEffect(1_000, 100);
    expect(effect).toBe(19);
    const bound = (by: number) =>
      deltaUpperBound({ events: 100, n: 10_000 }, { events: 900, n: 90_000 }, 0.995, by);
    expect(bound(effect)).toBeGreaterThan(2 * bound(1));
  });
});

describe('the sample-ratio test', () => {
  it.each([
    [1_000, 10_000, 0.1, 1],
    [500, 10_000, 0.1, 1e-10],
    [1_300, 10_000, 0.1, 1e-10],
  ])('%d of %d users at %d has a p-value of at most %d', (canary, users, share, most) => {
    expect(sampleRatioP(canary, users, share)).toBeLessThanOrEqual(most);
  });
});

describe('the judge', () => {
  it('promotes a healthy canary once the minimum time has passed and the bound is below the margin', () => {
    const rollout = new Rollout();
    expect(rollout.until('promote', HEALTHY)).toBe(121);
    expect(rollout.decisions.at(-1)).toMatchObject({ share: 0.5, status: 'running' });
  });

  it('rolls back immediately when more canary users have errors', () => {
    const rollout = new Rollout();
    rollout.until('rollback', { ...HEALTHY, canary: { ...HEALTHY.canary, failures: 10, affected: 10 } }, 10);
    expect(rollout.decisions.at(-1)).toMatchObject({ share: 0, status: 'rolled-back' });
    expect(rollout.decisions.at(-1)?.reasons[0]).toMatch(
      /errors affect more users in the canary than in the control/,
    );
  });

  it('rolls back when canary requests are slower', () => {
    const rollout = new Rollout();
    rollout.until('rollback', { ...HEALTHY, canary: { ...HEALTHY.canary, slow: 30 } }, 10);
    expect(rollout.decisions.at(-1)?.reasons[0]).toMatch(/the canary is slower/);
  });

  it('holds, and does not roll back, when many errors affect only a few users', () => {
    const rollout = new Rollout();
    const clumped = { ...HEALTHY, canary: { ...HEALTHY.canary, failures: 20, affected: 1 } };
    for (let look = 0; look < 200; look++) expect(rollout.look(clumped).verdict).toBe('hold');
    expect(rollout.decisions.at(-1)?.reasons.join()).toMatch(/concentrated on a few users/);
  });

  it('keeps a rollback latched until an operator clears it, and then starts at the first stage', () => {
    const rollout = new Rollout();
    rollout.until('promote', HEALTHY);
    rollout.until('rollback', { ...HEALTHY, canary: { ...HEALTHY.canary, failures: 60, affected: 60 } }, 10);
    for (let look = 0; look < 300; look++)
      expect(rollout.look(HEALTHY)).toMatchObject({ verdict: 'hold', share: 0 });
    expect(rollout.clear('ada')).toMatchObject({ verdict: 'clear', share: 0.1, reasons: ['cleared by ada'] });
    expect(rollout.look(HEALTHY)).toMatchObject({ verdict: 'hold', share: 0.1 });
  });

  it('pauses when both arms fail equally, and resumes at the same stage once the failures stop', () => {
    const rollout = new Rollout();
    rollout.until('promote', HEALTHY);
    const failing = {
      canary: { ...HEALTHY.canary, failures: 20, affected: 20 },
      control: { ...HEALTHY.control, failures: 180, affected: 180 },
    };
    const even = { canary: { ...failing.control, requests: 500, failures: 100, affected: 100 } };
    rollout.until('pause', { canary: even.canary, control: { ...even.canary, hits: 0 } }, 3);
    expect(rollout.decisions.at(-1)).toMatchObject({ share: 0, status: 'paused' });
    expect(rollout.until('resume', HEALTHY)).toBe(12);
    expect(rollout.decisions.at(-1)).toMatchObject({ share: 0.5, status: 'running' });
  });

  it.each([
    ['high memory usage', { memoryRatio: 0.95 }, /memory of Redis: 0.95, limit 0.9/],
    ['slow PING replies', { pingMs: 400 }, /PING: 400, limit 100 ms/],
  ])('pauses on %s of the shared Redis', (_what, redis, reason) => {
    const rollout = new Rollout();
    expect(rollout.until('pause', { ...HEALTHY, redis }, 3)).toBe(2);
    expect(rollout.decisions.at(-1)?.reasons[0]).toMatch(reason);
  });

  it('pauses on too many evictions per second, and treats a decreased counter as the counter of another server', () => {
    const rollout = new Rollout();
    rollout.look({ ...HEALTHY, redis: { evictedKeys: 10_000 } });
    expect(rollout.look({ ...HEALTHY, redis: { evictedKeys: 5 } }).reasons.join()).not.toMatch(/evictions/);
    rollout.look({ ...HEALTHY, redis: { evictedKeys: 2_000 } });
    expect(rollout.look({ ...HEALTHY, redis: { evictedKeys: 4_000 } }).verdict).toBe('pause');
  });

  it.each([
    ['too low a hit ratio', { canary: { ...HEALTHY.canary, hits: 20 } }, /hit ratio of at least/],
    ['too many processes to count', { processes: 1_001 }, /1001 processes, at most 1000 counted/],
    [
      'a share of users that is not the stage’s',
      { canary: { ...HEALTHY.canary, seen: 30 } },
      /sample-ratio alarm/,
    ],
  ])('holds on %s', (_what, change, reason) => {
    const rollout = new Rollout();
    for (let look = 0; look < 200; look++) rollout.look({ ...HEALTHY, ...change });
    expect(rollout.decisions.map(({ verdict }) => verdict)).not.toContain('promote');
    expect(rollout.decisions.at(-1)?.reasons.join()).toMatch(reason);
  });

  it('starts new sets of users when the sets are full, and keeps the evidence from requests', () => {
    const rollout = new Rollout({ ...RULES, metrics: { ...RULES.metrics, maxUsers: 100 } });
    for (let look = 0; look < 10; look++) rollout.look(HEALTHY);
    expect(rollout.state).toMatchObject({ window: 2, generation: 1, users: { canary: { affected: 0 } } });
    expect(rollout.state.arms.canary.requests).toBe(1_000);
  });

  it('adds neither duplicate nor negative counts when a failover decreases the counters', () => {
    const rollout = new Rollout();
    rollout.look(HEALTHY);
    const [first] = rollout.events;
    if (first === undefined) throw new Error('the rollout must have at least one look');
    const { state } = step(RULES, rollout.state, {
      ...first,
      atMs: first.atMs + 5_000,
      arms: INITIAL_STATE.arms,
    });
    expect(state.arms).toEqual(rollout.state.arms);
    expect(state.evidence).toEqual(rollout.state.evidence);
  });

  it('counts from the lower sum when counts from a process are permanently lost', () => {
    const rollout = new Rollout();
    for (let look = 0; look < 10; look++) rollout.look(HEALTHY);
    const [first] = rollout.events;
    if (first === undefined) throw new Error('the rollout must have at least one look');
    let { state } = rollout;
    const lookAt = (n: number, failures: number) => {
      const canary = { ...first.arms.canary, failures };
      const event = { ...first, atMs: 1_000_000 + n * 5_000, arms: { ...first.arms, canary } };
      state = step(RULES, state, event).state;
    };
    for (let n = 0; n < 13; n++) lookAt(n, 1);
    expect(state.arms.canary.requests).toBe(100);
    const before = logEvidence(state.evidence.requests);
    lookAt(13, 20);
    expect(logEvidence(state.evidence.requests)).toBeGreaterThanOrEqual(before);
    expect(state.arms.canary.failures).toBe(20);
  });

  it('reports that there is nothing to clear when the rollout is not rolled back', () => {
    const rollout = new Rollout();
    rollout.look(HEALTHY);
    expect(rollout.clear('ada')).toMatchObject({
      reasons: ['cleared by ada: not rolled back, nothing changes'],
      status: 'running',
    });
    expect(rollout.state.generation).toBe(1);
  });

  it('refuses a look from another generation, and a look that is not later than the last one', () => {
    const rollout = new Rollout();
    rollout.look(HEALTHY);
    const [first] = rollout.events;
    if (first === undefined) throw new Error('the rollout must have at least one look');
    expect(() => step(RULES, rollout.state, { ...first, generation: 2 })).toThrow(
      /must have generation 1, .*got 2/,
    );
    expect(() => step(RULES, rollout.state, first)).toThrow(/must be later/);
  });

  it('makes the same decision with and without figures', () => {
    const rollout = new Rollout();
    for (let look = 0; look < 5; look++) rollout.look(HEALTHY);
    const next = rollout.events.at(-1);
    if (next === undefined) throw new Error('the rollout must have at least one look');
    const event = { ...next, atMs: next.atMs + 5_000 };
    const { figures: _, ...quiet } = step(RULES, rollout.state, event, { figures: false }).decision;
    expect(step(RULES, rollout.state, event).decision).toMatchObject(quiet);
  });
});
