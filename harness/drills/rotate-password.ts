import { fullOnlyIntegration } from './families.ts';

export const rotatePassword = fullOnlyIntegration({
  id: 'rotate-password',
  title: 'Password rotation with two valid passwords, under load, with a switchover in between',
  source: 'drills: rotate-password; redis/redis#6170',
  safeOutcome:
    'no operation fails, no durable write is lost, and the previous password is refused afterwards',
  topologies: ['sentinel'],
  expectations: [
    ...['former', 'new'].map((what) => `both/${what}`),
    ...['asked', 'switched'].map((what) => `between/${what}`),
    ...['former', 'new', 'switched'].map((what) => `finished/${what}`),
    ...['sent', 'failed', 'durable', 'durable-seen'].map((what) => `load/${what}`),
  ],
});
