import { rehearsalDrill } from './families.ts';

const SWITCHED = ['switched', 'roles', 'kept'].map((what) => `failover/${what}`);

export const runbook = rehearsalDrill({
  id: 'runbook',
  title: 'Warming, inspection, failover, backup, restore, password rotation and flush, one after the other',
  source: '004 §4.10; docs/runbook.md',
  safeOutcome: 'each operation succeeds, and the nodes show its effect and no other',
  expectations: [
    ...['command', 'stored', 'ttl'].map((what) => `warm/${what}`),
    ...['command', 'facts'].map((what) => `inspect/${what}`),
    ...['sentinel', 'cluster'].flatMap((kind) => SWITCHED.map((id) => `${kind}?${id}`)),
    ...['roles', 'keys', 'verified'].map((what) => `restore/${what}`),
    ...['begun', 'served', 'cancelled'].map((what) => `rotate/${what}`),
    ...['command', 'removed', 'others-kept'].map((what) => `flush/${what}`),
  ],
});
