import { fullOnlyIntegration } from './families.ts';

export const canaryRollback = fullOnlyIntegration({
  id: 'canary-rollback',
  title: 'A canary of the pattern cache is promoted while healthy, and rolled back with a planted fault',
  source: 'mission D2; seed 000, CanaryTestingService',
  safeOutcome:
    'the rollback is immediate and latched, only canary users meet the fault, and no user changes arms in any other case',
  checkers: ['expectations', 'liveness', 'canary'],
  profile: 'canary',
  expectations: [
    ...['same-arm', 'promoted', 'left', 'counted'].map((what) => `healthy/${what}`),
    ...['rolled-back', 'looks', 'control-served', 'moved'].map((what) => `planted/${what}`),
    ...['in-canary', 'answered', 'latched', 'restarted'].map((what) => `after/${what}`),
    ...['same-users', 'log'].map((what) => `cleared/${what}`),
  ],
  // A client that waits for a CPU can make the canary slower than its control.
  timed: ['healthy/promoted'],
});
