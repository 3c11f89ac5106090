import { integrationDrill } from './families.ts';

/** Read paths other than `get` and `getOrCompute`. */
const OTHER_PATHS = ['get-entry', 'get-with-ttl', 'lookup', 'get-many', 'lookup-many'];

export const corruptPayload = integrationDrill({
  id: 'corrupt-payload',
  title: 'Corrupted and truncated payloads, and payloads of another schema',
  source:
    'requirements document 004 §5, test_redis_corrupt_payload; §2, silent cache corruption and serialization drift',
  safeOutcome:
    'no such payload causes an error or is returned, all are purged and counted, and the value is computed again',
  external: {},
  expectations: [
    ...[
      ...['flipped-byte', 'cut', 'cut-in-header', 'empty', 'foreign', 'later-format', 'older-schema'],
      'older-shape',
    ].flatMap((poison) =>
      ['not-thrown', 'not-returned', 'purged', 'recomputed'].map((what) => `${poison}-${what}`),
    ),
    ...['counted', 'reported'],
    ...OTHER_PATHS.flatMap((path) => [`${path}-rejected`, `${path}-purged`]),
  ],
  // A read that times out does not return the payload.
  timed: [
    ...['flipped-byte', 'cut', 'cut-in-header', 'empty', 'foreign', 'later-format', 'older-schema'],
    'older-shape',
  ]
    .map((poison) => `${poison}-purged`)
    .concat(
      'counted',
      'reported',
      OTHER_PATHS.map((path) => `${path}-purged`),
    ),
});
