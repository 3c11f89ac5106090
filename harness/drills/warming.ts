import { rehearsalDrill } from './families.ts';

const STRATEGIES = [
  ...['critical-application-data', 'detector-models', 'popular-datasets', 'api-responses', 'user-sessions'],
  'predictive',
];

export const warming = rehearsalDrill({
  id: 'warming',
  title: 'Every warming strategy of the client fills the cache for another process',
  source: 'B18; client/extras/warming',
  safeOutcome:
    'every planned key is on its master with the TTL of its strategy, and other processes read it without a load',
  // A strategy that is added to the client records expectations that are not in this list: the criterion is then not
  // measured.
  expectations: [
    'exports',
    ...STRATEGIES.flatMap((name) => ['report', 'stored', 'ttl', 'read'].map((what) => `${name}/${what}`)),
  ],
});
