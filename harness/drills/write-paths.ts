import { integrationDrill } from './families.ts';

const WRITES = [
  ...['set', 'overwrite', 'set-tagged', 'set-many', 'set-if-absent', 'expire', 'compute', 'compute-tagged'],
  ...['compute-stale', 'compute-own-ttl', 'compute-nothing', 'compute-many', 'wrap', 'read-through'],
  ...['write-through', 'write-behind'],
];
const DELETIONS = ['one', 'several', 'list', 'expiry', 'pattern', 'keys', 'tags', 'domain', 'clear'];

export const writePaths = integrationDrill({
  id: 'write-paths',
  title: 'Every write and delete call, verified on the masters',
  source: 'client/README.md, Writes; 004 §1 TTL handling',
  safeOutcome: 'the master has every acknowledged value with its TTL, and no deleted value',
  expectations: [
    ...WRITES.flatMap((path) => [`value/${path}`, `ttl/${path}`]),
    ...['value/kinds', 'value/refused'],
    ...['ttl/none-without', 'ttl/none-beyond', 'ttl/none-without-at-end'],
    ...DELETIONS.map((way) => `deletion/${way}`),
  ],
});
