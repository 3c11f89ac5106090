import { expect, it } from 'vitest';
import { buildGate, buildTrial, evaluateGate, valueFigure } from './gate-builders.ts';

it('a gate on failure detection is out of scope if the environment accepts needless failovers', () => {
  const one = buildGate({ scope: { fastDetection: false } });
  const accepted = evaluateGate(one, [buildTrial(valueFigure(1))], { fastDetection: true });
  expect(accepted).toMatchObject({
    state: 'OUT_OF_SCOPE',
    reason: expect.stringContaining('sentinel.fast'),
  });
  expect(evaluateGate(one, [buildTrial(valueFigure(1))]).state).toBe('PASS');
});

it('a gate on the watchdog is out of scope if the environment has none', () => {
  const one = buildGate({ scope: { watchdog: true } });
  const without = evaluateGate(one, [buildTrial(valueFigure(1))], { hasWatchdog: false });
  expect(without).toMatchObject({
    state: 'OUT_OF_SCOPE',
    reason: expect.stringContaining('sentinel.watchdog'),
  });
  expect(evaluateGate(one, [buildTrial(valueFigure(1))]).state).toBe('PASS');
});
