import { integration } from './families.ts';

export const credentialRotation = integration({
  id: 'credential-rotation',
  title: 'The password changes while a cache uses it',
  source: 'client/README.md, Connections',
  safeOutcome: 'the cache logs in with the new password, without a restart',
  expectations: [
    ...['before/served', 'refused/reported'],
    ...['second/served', 'second/asked', 'third/served'],
  ],
  timed: ['before/served', 'refused/reported', 'second/served', 'third/served'],
});
