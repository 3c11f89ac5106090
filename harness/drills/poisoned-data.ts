import { fullOnlyIntegration } from './families.ts';

const WAYS = ['get', 'lookup', 'get-with-ttl', 'get-many', 'lookup-many', 'compute', 'compute-many'];
const TIERED = ['get', 'get-many', 'compute'];

export const poisonedData = fullOnlyIntegration({
  id: 'poisoned-data',
  title: 'Every read path encounters corrupted, truncated and outdated payloads among good ones',
  source:
    'drills: poisoned-data; requirements document 004 §2, silent cache corruption and serialization drift',
  safeOutcome:
    'no bad payload causes an error or is returned, all bad payloads are purged, and good entries are returned',
  expectations: [
    ...[...WAYS, ...TIERED.map((way) => `tiered-${way}`)].flatMap((way) =>
      ['not-thrown', 'not-wrong', 'good-kept', 'purged'].map((what) => `${way}/${what}`),
    ),
    'all/counted',
  ],
});
