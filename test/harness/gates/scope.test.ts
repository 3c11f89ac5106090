import { describe, expect, it } from 'vitest';
import { buildGate, buildTrial, evaluateGate, valueFigure } from './gate-builders.ts';

describe('a drill whose fault this machine cannot cause', () => {
  const unsupported = new Map([['other', 'the local substrate cannot partition on this machine']]);
  const full = { unsupported, profile: 'full' } as const;
  const shared = buildGate({ workload: ['drill', 'other'], minN: { quick: 2, full: 2 } });
  const own = buildGate({ workload: ['other'] });

  it('puts its own gate out of scope of a readiness run, with the reason', () => {
    expect(evaluateGate(own, [], full)).toMatchObject({
      state: 'OUT_OF_SCOPE',
      reason: 'the local substrate cannot partition on this machine',
    });
  });

  it('leaves a gate that it shares to the other drills, with their share of the smallest n', () => {
    const trials = [buildTrial(valueFigure(1))];
    expect(evaluateGate(shared, trials, full)).toMatchObject({ state: 'PASS', minN: 1 });
    expect(evaluateGate(shared, trials, { profile: 'full' }).state).toBe('NOT_MEASURED');
  });

  it('is required where it was asked for by name', () => {
    expect(evaluateGate(own, [], { ...full, kind: 'drill', asked: new Set(['other']) }).state).toBe(
      'NOT_MEASURED',
    );
  });
});

describe('a drill that profile quick leaves out', () => {
  const fullOnly = new Set(['other']);
  const trials = [buildTrial(valueFigure(1)), buildTrial(valueFigure(1), { drill: 'other' })];
  const shared = buildGate({ workload: ['drill', 'other'], minN: { quick: 2, full: 2 } });
  const own = buildGate({ workload: ['other'] });

  it('excludes its own gate from a quick readiness run, with the reason', () => {
    expect(evaluateGate(own, trials.slice(0, 1), { fullOnly })).toMatchObject({
      state: 'OUT_OF_SCOPE',
      reason: 'its drills run in profile full and by name (kit drill other); this is profile quick',
    });
  });

  it('does not exclude a gate of several drills: the drills of the profile need their share of the smallest n', () => {
    expect(evaluateGate(shared, trials.slice(0, 1), { fullOnly })).toMatchObject({ state: 'PASS', minN: 1 });
  });

  it('is required in profile full and where it was asked for by name', () => {
    expect(evaluateGate(own, [], { fullOnly, profile: 'full' }).state).toBe('NOT_MEASURED');
    expect(evaluateGate(own, trials, { fullOnly, kind: 'drill', asked: fullOnly }).state).toBe('PASS');
  });
});
