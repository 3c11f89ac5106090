import { integrationDrill } from './families.ts';

export const keyVersioning = integrationDrill({
  id: 'key-versioning',
  title: 'Keys contain the namespace and a version',
  source: 'requirements document 004 §3, key versioning; §6, key strategy',
  safeOutcome: 'no key reaches Redis without the namespace, and keys from the key builder contain v1',
  // Both expectations read keys outside the prefix.
  external: { except: ['not-unprefixed', 'no-strangers'] },
  expectations: [
    ...['shape', 'at-physical-key', 'not-unprefixed', 'same-input', 'other-version', 'distinct'],
    'no-strangers',
  ],
  timed: ['at-physical-key', 'same-input'],
});
