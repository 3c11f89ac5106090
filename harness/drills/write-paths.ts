import { integrationDrill } from './families.ts';

const WRITES = [
  ...[
    'set',
    'overwrite',
    'unawaited',
    'set-tagged',
    'set-many',
    'set-if-absent',
    'expire',
    'compute',
    'compute-tagged',
  ],
  ...['compute-stale', 'compute-own-ttl', 'compute-nothing', 'compute-many', 'compute-jitter', 'wrap'],
  ...['read-through', 'write-through', 'write-behind'],
];
const VALUES = ['set-many', 'set', 'compute', 'compute-many'];
const DELETIONS = [
  ...['one', 'several', 'list', 'expiry', 'pattern', 'keys', 'domain', 'dependency'],
  ...['tags', 'tags-set', 'tags-compute', 'tags-compute-many', 'tags-added', 'tags-several', 'clear'],
];

export const writePaths = integrationDrill({
  id: 'write-paths',
  title: 'Every write and delete call, verified on the masters',
  source: 'client/README.md, Writes; 004 §1 TTL handling',
  safeOutcome: 'the master has every acknowledged value with its TTL, and no deleted value',
  expectations: [
    ...WRITES.flatMap((path) => [`value/${path}`, `ttl/${path}`]),
    ...VALUES.map((way) => `value/kinds-${way}`),
    ...['value/write-through-source', 'value/write-behind-source', 'value/refused'],
    ...['reported', 'reported-none', 'none-without', 'none-beyond', 'none-without-at-end'].map(
      (what) => `ttl/${what}`,
    ),
    ...DELETIONS.map((way) => `deletion/${way}`),
  ],
});
