import { describe, expect, it } from 'vitest';
import type { RunKind } from '../../../harness/evidence/manifest.ts';
import type { Criterion, CriterionState } from '../../../harness/gates/gate.ts';
import { compareToTarget, inWords } from '../../../harness/gates/target.ts';
import { verdictOf } from '../../../harness/gates/verdict.ts';
import { buildEnvironment } from '../checkers/history-builders.ts';
import { buildGate, evaluateGate } from './gate-builders.ts';

describe('targets', () => {
  it('compare values according to their operator', () => {
    const table = [
      ['<', 1, 2, true],
      ['<', 2, 2, false],
      ['<=', 2, 2, true],
      ['>', 2, 2, false],
      ['>', 3, 2, true],
      ['>=', 2, 2, true],
      ['==', 2, 2, true],
      ['==', 2.1, 2, false],
    ] as const;
    for (const [op, measured, target, result] of table)
      expect(compareToTarget(measured, { op, value: target })).toBe(result);
  });

  it('are formatted independently of the locale', () => {
    expect([
      inWords(1234.5678, 'ms'),
      inWords(0.9990001, 'ratio'),
      inWords(1, 'boolean'),
      inWords(0, 'boolean'),
    ]).toEqual(['1234.57 ms', '99.9 %', 'yes', 'no']);
  });
});

const READINESS = { kind: 'readiness', profile: 'quick' } as const;

describe('verdictOf', () => {
  const groups = new Map([
    ['safe', 'correctness'],
    ['set', 'configuration'],
    ['fast', 'performance'],
  ] as const);
  const verdict = (
    states: Partial<Record<'safe' | 'set' | 'fast' | 'evidence-complete', CriterionState>>,
    kind: RunKind = 'readiness',
  ) =>
    verdictOf(
      Object.entries({ safe: 'PASS', set: 'PASS', fast: 'PASS', 'evidence-complete': 'PASS', ...states }).map(
        ([id, state]) => ({ ...evaluateGate(buildGate(), []), id, state }) as Criterion,
      ),
      groups,
      buildEnvironment(),
      { kind, profile: 'quick' },
    );

  it.each([
    [{}, 'GO', 0, 'enable'],
    [{ safe: 'WAIVED' }, 'CONDITIONAL_GO', 0, 'enable'],
    [{ safe: 'WAIVED', fast: 'FAIL' }, 'NO_GO', 1, 'deploy-with-breaker'],
    [{ safe: 'WAIVED', fast: 'INVALID' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ set: 'OUT_OF_SCOPE' }, 'GO', 0, 'enable'],
    [{ fast: 'FAIL' }, 'NO_GO', 1, 'deploy-with-breaker'],
    [{ fast: 'INVALID' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ fast: 'INSUFFICIENT' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ fast: 'NOT_MEASURED' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ safe: 'FAIL' }, 'NO_GO', 1, 'keep-disabled'],
    [{ set: 'FAIL' }, 'NO_GO', 1, 'keep-disabled'],
    [{ safe: 'FAIL', fast: 'FAIL' }, 'NO_GO', 1, 'keep-disabled'],
    [{ safe: 'INVALID', fast: 'FAIL' }, 'NO_GO', 1, 'keep-disabled'],
    [{ safe: 'INSUFFICIENT' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ 'evidence-complete': 'NOT_MEASURED' }, 'UNKNOWN', 3, 'keep-disabled'],
    [{ 'evidence-complete': 'INVALID', fast: 'FAIL' }, 'NO_GO', 1, 'keep-disabled'],
  ] as const)('turns %j into %s, exit %d, %s', (states, decision, exitCode, action) => {
    expect(verdict(states)).toMatchObject({ decision, exitCode, action });
  });

  it.each([
    [{ safe: 'OUT_OF_SCOPE' }, 'GO', null, /none covers correctness, or none covers performance/],
    [{ fast: 'OUT_OF_SCOPE' }, 'GO', null, /none covers correctness, or none covers performance/],
    [{ safe: 'OUT_OF_SCOPE', fast: 'OUT_OF_SCOPE' }, 'GO', null, /Redis is not enabled/],
    [{ safe: 'OUT_OF_SCOPE', fast: 'FAIL' }, 'NO_GO', 'keep-disabled', /Keep Redis disabled/],
    [{ safe: 'OUT_OF_SCOPE', set: 'INVALID' }, 'UNKNOWN', 'keep-disabled', /Keep Redis disabled/],
  ] as const)(
    'does not enable Redis if not all readiness criteria were requested: %j leads to %s, %s',
    (states, decision, action, advice) => {
      const found = verdict(states);
      expect(found).toMatchObject({ decision, action });
      expect(found.advice.join()).toMatch(advice);
    },
  );

  it.each(['readiness', 'drill'] as const)(
    'is UNKNOWN, with the reason, for a %s run in which only evidence-complete is in scope',
    (kind) => {
      const found = verdict({ safe: 'OUT_OF_SCOPE', set: 'OUT_OF_SCOPE', fast: 'OUT_OF_SCOPE' }, kind);
      expect(found).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
      expect(found.action).not.toBe('enable');
      expect(found.advice[0]).toMatch(/No gate applies to this run/);
    },
  );

  it.each([
    [{}, 'GO', /The requested criteria pass; kit readiness decides/],
    [{ safe: 'FAIL' }, 'NO_GO', /criterion fails/],
    [{ fast: 'INVALID' }, 'UNKNOWN', /were not judged/],
  ] as const)('does not enable Redis after a few drills: %j leads to %s', (states, decision, advice) => {
    const found = verdict(states, 'drill');
    expect(found).toMatchObject({ decision, action: null });
    expect(found.advice.join()).toMatch(advice);
  });

  it('enables production only after a run on production with the full profile', () => {
    const passed = ['safe', 'fast'].map(
      (id) => ({ ...evaluateGate(buildGate(), []), id, state: 'PASS' }) as Criterion,
    );
    const advice = (name: string, profile: 'quick' | 'full') =>
      verdictOf(passed, groups, { ...buildEnvironment(), name }, { kind: 'readiness', profile }).advice;
    expect(advice('production', 'full')).toEqual(['Enable Redis in production: ENABLE_REDIS_CACHE=true.']);
    for (const [name, profile] of [
      ['production', 'quick'],
      ['dev', 'full'],
      ['dev', 'quick'],
    ] as const) {
      expect(advice(name, profile)).toEqual([
        'Enable Redis: ENABLE_REDIS_CACHE=true.',
        `Judged in ${name} with profile ${profile}. Before production, run kit readiness --env production --profile full.`,
      ]);
    }
  });

  it('counts every state, and is UNKNOWN without criteria', () => {
    expect(verdict({ safe: 'FAIL' }).counts).toMatchObject({ PASS: 3, FAIL: 1, OUT_OF_SCOPE: 0 });
    expect(verdictOf([], groups, undefined, READINESS)).toMatchObject({
      decision: 'UNKNOWN',
      exitCode: 3,
      action: 'keep-disabled',
    });
  });

  it('prints breaker settings that are never looser than the environment settings', () => {
    const tight = buildEnvironment({
      client: { defaultTtlSeconds: 20, breaker: { enabled: true, threshold: 2, openMs: 1500 } },
    });
    const states = { safe: 'PASS', fast: 'FAIL' };
    const found = Object.entries(states).map(
      ([id, state]) => ({ ...evaluateGate(buildGate(), []), id, state }) as Criterion,
    );
    expect(verdictOf(found, groups, tight, READINESS).advice).toEqual(
      expect.arrayContaining([
        'CIRCUIT_BREAKER_THRESHOLD=2',
        'CIRCUIT_BREAKER_TIMEOUT=2',
        'CACHE_DEFAULT_TTL=20',
      ]),
    );
    expect(verdictOf(found, groups, undefined, READINESS).advice).toHaveLength(1);
  });
});
