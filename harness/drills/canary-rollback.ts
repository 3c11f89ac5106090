import { fullOnlyIntegration } from './families.ts';

export const canaryRollback = fullOnlyIntegration({
  id: 'canary-rollback',
  title: 'A canary of the pattern cache is promoted while healthy, and rolled back after a planted fault',
  source: 'mission D2; requirements document 000, CanaryTestingService',
  safeOutcome:
    'the rollback is immediate and permanent, only canary users experience the fault, and no other event moves a user to another arm',
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
