import { describe, expect, it } from 'vitest';
import { recovery } from '../../../harness/checkers/recovery.ts';
import {
  buildContext,
  buildHistory,
  DURABLE,
  type Events,
  fault,
  figureNumber,
  masterSwitch,
  observation,
  op,
  writes,
} from './history-builders.ts';

const check = (...events: readonly Events[]) => recovery.check(buildHistory(...events), buildContext());

describe('recovery', () => {
  it('is measured from the observed injection to the first acknowledged write with a later intended start', () => {
    const finding = check(writes(0, 2000), fault(2000, 6000), writes(3500, 5000));
    expect(finding.validity).toBe('valid');
    expect(figureNumber(finding, 'recoveryMs')).toBe(1501);
    expect(figureNumber(finding, 'writeGapMs')).toBe(3501 - 1901);
  });

  it('measures the recovery from the last of several faults as a separate figure', () => {
    const finding = check(
      writes(0, 2000),
      fault(2000, 6000),
      fault(3000, 6000, 'redis-2'),
      writes(4500, 5000),
    );
    expect(figureNumber(finding, 'recoveryMs')).toBe(2501);
    expect(figureNumber(finding, 'recoveryAfterLastMs')).toBe(1501);
  });

  it('names the cause of the delay: the promotion, or the client after the promotion', () => {
    const remedy = (promotedMs: number, againMs: number) =>
      check(writes(0, 2000), fault(2000, 6000), masterSwitch(promotedMs), writes(againMs, againMs + 500))
        .remedies;
    expect(remedy(27_000, 27_100)?.join()).toMatch(/only after 25000 ms: look at sentinel\.downAfterMs/);
    expect(remedy(3500, 40_000)?.join()).toMatch(
      /promoted after 1500 ms, and the client wrote again 36501 ms after that: the client is the cause/,
    );
  });

  it('pairs the events of faults that overlap on one node', () => {
    const cuts = [fault(2000, 2040, 'redis-1', 'cut'), fault(2020, 2060, 'redis-1', 'cut')];
    const finding = check(writes(0, 2000), cuts, writes(2100, 3000));
    expect(finding.validity, finding.reasons.join()).toBe('valid');
    expect(figureNumber(finding, 'recoveryMs')).toBe(101);
  });

  it('names the client that did not write again', () => {
    const finding = check(writes(0, 2000), fault(2000, 6000), masterSwitch(3500), op({ at: 4000 }));
    expect(finding.remedies?.join()).toMatch(/the client has not written since/);
  });

  it('ignores a reply that was already in flight', () => {
    const underWay = op({ at: 1999, done: 2003 });
    const finding = check(writes(0, 1900), underWay, fault(2000, 2400), writes(4000, 5000));
    expect(figureNumber(finding, 'recoveryMs')).toBe(2001);
  });

  it('uses the first completion of any write', () => {
    const waited = op({ at: 2100, done: 4500 });
    const fresh = op({ at: 4000, done: 4001 });
    expect(figureNumber(check(writes(0, 2000), fault(2000, 2400), waited, fresh), 'recoveryMs')).toBe(2001);
  });

  it('counts a gap that began before the fault, and a gap that is still open at the end', () => {
    const early = check(op({ at: 100, done: 101 }), fault(2000, 2400), writes(2500, 3000));
    expect(figureNumber(early, 'writeGapMs')).toBe(2400);
    const open = check(writes(0, 2000), fault(2000, 2400), op({ at: 2100, done: 2101 }), op({ at: 9000 }));
    expect(figureNumber(open, 'writeGapMs')).toBe(9000 - 2101);
  });

  it('requires every kind of write that was acknowledged before the fault, so a single INCR does not suffice', () => {
    const durable = { durability: DURABLE, replicas: 1 } as const;
    const before = [
      writes(0, 1000),
      writes(1000, 1500, 100, durable),
      writes(1500, 1800, 100, { kind: 'incr' }),
      writes(1800, 2000, 100, { kind: 'append' }),
    ];
    const again = [
      op({ at: 2500, done: 2501, kind: 'incr' }),
      op({ at: 3000, done: 3001, kind: 'append' }),
      op({ at: 3500, done: 3501 }),
    ];
    const all = check(before, fault(2000, 6000), again, op({ at: 4000, done: 4001, ...durable }));
    expect(all.validity).toBe('valid');
    expect(figureNumber(all, 'recoveryMs')).toBe(2001);
    const without = check(before, fault(2000, 6000), again);
    expect(without.validity).toBe('invalid');
    expect(without.figures.recoveryMs).toBeUndefined();
    expect(without.reasons.join()).toMatch(/no durable set was acknowledged after kill of redis-1/);
  });

  it('is not measured for a fault whose healing was not observed', () => {
    const finding = check(writes(0, 2000), fault(2000), writes(3000, 6000));
    expect(finding).toMatchObject({ validity: 'unknown', figures: {} });
    expect(finding.reasons.join()).toMatch(/kill of redis-1 was not observed to heal/);
  });

  it('counts the writes that Redis accepted or rejected one second after the recovery', () => {
    const back = op({ at: 3000, done: 3001 });
    const served = (...after: readonly Events[]) =>
      check(writes(0, 2000), fault(2000, 3500), back, after).figures.servedAfterRecovery;
    expect(served(writes(4100, 5000))).toMatchObject({ successes: 9, n: 9 });
    expect(served(writes(4100, 5000, 100, { source: 'memory' }))).toMatchObject({ successes: 0, n: 9 });
    expect(
      served(writes(4100, 5000), op({ at: 5000, done: 5001, outcome: 'fail' }), op({ at: 5100 })),
    ).toMatchObject({
      successes: 9,
      n: 11,
    });
    const settling = op({ at: 3900, done: 3901, outcome: 'fail' });
    const unsent = op({ at: 4500, done: 4500, outcome: 'fail', code: 'IN_FLIGHT_BOUND' });
    expect(served(settling, unsent, writes(4100, 5000))).toMatchObject({ successes: 9, n: 9 });
    expect(served(settling)).toBeUndefined();
  });

  it('ignores a gap that ended before the fault was requested', () => {
    const finding = check(op({ at: 0, done: 1 }), writes(1500, 3000), fault(2000, 2400));
    expect(figureNumber(finding, 'writeGapMs')).toBe(100);
  });

  it('measures the gap of a planned switchover, even if the switchover is already complete when it is observed', () => {
    const asked = {
      type: 'fault',
      fault: 'planned-switch',
      phase: 'inject',
      node: 'redis-1',
      atUs: 2_000_000,
    } as const;
    const over = { ...asked, phase: 'injected', atUs: 2_600_000 } as const;
    const healed = { ...asked, phase: 'healed', atUs: 2_700_000 } as const;
    const finding = check(writes(0, 2000), asked, over, healed, writes(2250, 4000));
    expect(figureNumber(finding, 'writeGapMs')).toBe(2251 - 1901);
  });

  it('is invalid and has no recovery time if the client never wrote again', () => {
    const finding = check(writes(0, 2000), fault(2000, 5000), op({ at: 3000 }), op({ at: 8000 }));
    expect(finding.validity).toBe('invalid');
    expect(finding.figures.recoveryMs).toBeUndefined();
    expect(finding.reasons.join()).toMatch(/no write was acknowledged after kill of redis-1/);
  });

  it('does not count the memory fallback as recovery', () => {
    const finding = check(writes(0, 2000), fault(2000, 2400), writes(2100, 5000, 100, { source: 'memory' }));
    expect(finding.validity).toBe('invalid');
    expect(finding.figures.recoveryMs).toBeUndefined();
  });

  it('uses the slowest recovery from several faults, and pairs each fault with its own healing', () => {
    const finding = check(
      writes(0, 2000),
      fault(2000, 2500, 'redis-1'),
      writes(2300, 5000),
      fault(5000, 7000, 'redis-2'),
      writes(6000, 7000),
    );
    expect(figureNumber(finding, 'recoveryMs')).toBe(1001);
    expect(finding.figures.recoveryMs).toMatchObject({ n: 2 });
  });

  it('measures the time from the publication of the new master until the client moves, or until the trial ends', () => {
    const moved = observation('client', 'moved', 3800, {}, { client: 'kit' });
    const events = [writes(0, 2000), fault(2000, 6000), masterSwitch(3500), writes(3600, 5000)];
    expect(figureNumber(check(events, moved), 'movedAfterSwitchMs')).toBe(300);
    expect(figureNumber(check(events), 'movedAfterSwitchMs')).toBe(6000 - 3500);
    expect(
      check(writes(0, 2000), fault(2000, 2400), writes(2100, 5000)).figures.movedAfterSwitchMs,
    ).toBeUndefined();
  });

  it('is invalid if no write was ever acknowledged', () => {
    expect(check(op({ at: 1 }), fault(2000, 2400)).validity).toBe('invalid');
  });

  it('is not measured without a fault, or if the fault never took effect', () => {
    expect(check(writes(0, 100))).toMatchObject({ validity: 'unknown', figures: {} });
    const asked = { type: 'fault', fault: 'kill', phase: 'inject', node: 'redis-1', atUs: 5 } as const;
    expect(check(writes(0, 100), asked).reasons.join()).toMatch(/kill was not observed to take effect/);
  });
});
