import { integrationDrill } from './families.ts';

export const credentialRotation = integrationDrill({
  id: 'credential-rotation',
  title: 'Password rotation while a cache is in use',
  source: 'client/README.md, Connections',
  safeOutcome: 'the cache logs in with the new password, without a restart',
  expectations: [
    ...['before/served', 'refused/reported'],
    ...['second/served', 'second/asked', 'third/served'],
  ],
  timed: ['before/served', 'refused/reported', 'second/served', 'third/served'],
});
