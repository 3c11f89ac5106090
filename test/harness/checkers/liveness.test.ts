import { describe, expect, it } from 'vitest';
import { liveness } from '../../../harness/checkers/liveness.ts';
import { buildContext, buildHistory, closingPhase, type Events, figureNumber } from './history-builders.ts';

const check = (...events: readonly Events[]) => liveness.check(buildHistory(...events), buildContext());

describe('liveness', () => {
  it('counts the clients whose last round had failures, and names the failure', () => {
    const finding = check(
      closingPhase('kit', { subject: 'cache 1', troubles: 2, trouble: 'set: memory' }),
      closingPhase('kit', { subject: 'cache 1', round: 2 }),
      closingPhase('kit', { subject: 'cache 2', troubles: 1, trouble: 'get: memory' }),
    );
    expect(finding.validity).toBe('invalid');
    expect(finding.figures.deadClients).toMatchObject({ value: 1, n: 2 });
    expect(finding.reasons).toEqual(['not served by Redis at the end: cache 2: get: memory']);
  });

  it('measures the time until the last client was served', () => {
    const finding = check(
      closingPhase('kit', { subject: 'cache 1', tookMs: 40 }),
      closingPhase('kit', { subject: 'cache 2', tookMs: 900 }),
    );
    expect(finding.validity).toBe('valid');
    expect(figureNumber(finding, 'servedAfterMs')).toBe(900);
  });

  it('is not measured unless the closing phase of the judged client has both writes and reads', () => {
    expect(check()).toMatchObject({ validity: 'unknown', figures: {} });
    expect(check(closingPhase('ioredis'))).toMatchObject({ validity: 'unknown', figures: {} });
    expect(check(closingPhase('kit', { reads: 0 }))).toMatchObject({ validity: 'unknown', figures: {} });
    expect(check(closingPhase('kit', { writes: 0 })).reasons.join()).toMatch(/kit wrote or read nothing/);
    const rejected = closingPhase('kit', {
      reads: 0,
      trouble: 'the master rejects values of the drill: OOM',
    });
    expect(check(rejected).reasons.join()).toMatch(/the master rejects values of the drill: OOM/);
  });
});
