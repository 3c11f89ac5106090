import { fullOnlyIntegration } from './families.ts';

const WAYS = ['get', 'lookup', 'get-with-ttl', 'get-many', 'lookup-many', 'compute', 'compute-many'];
const TIERED = ['get', 'get-many', 'compute'];

export const poisonedData = fullOnlyIntegration({
  id: 'poisoned-data',
  title: 'Every way of reading meets corrupted, cut and older payloads among good ones',
  source: 'drills: poisoned-data; seed 004 §2, silent cache corruption and serialization drift',
  safeOutcome: 'none thrown, none wrong, all purged; good entries are returned',
  expectations: [
    ...[...WAYS, ...TIERED.map((way) => `tiered-${way}`)].flatMap((way) =>
      ['not-thrown', 'not-wrong', 'good-kept', 'purged'].map((what) => `${way}/${what}`),
    ),
    'all/counted',
  ],
});
