import { fullOnlyIntegration } from './families.ts';

export const locks = fullOnlyIntegration({
  id: 'locks',
  title: 'A lease that expires while its holder is suspended',
  source: 'mission C1, locks; client/load/lease.ts',
  safeOutcome:
    'only one process holds a lease, and a former holder does not overwrite the value of its successor',
  expectations: [
    ...['exclusive', 'expired'].map((what) => `lease/${what}`),
    ...['successor', 'former', 'kept', 'read'].map((what) => `former/${what}`),
  ],
  timed: ['lease/exclusive', 'lease/expired'],
});
