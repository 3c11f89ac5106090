import { integrationDrill } from './families.ts';

export const featureFlag = integrationDrill({
  id: 'feature-flag',
  title: 'A disabled cache sends no command to Redis',
  source: 'requirements document 004 §4.9, ENABLE_REDIS_CACHE',
  safeOutcome: 'the cache neither connects nor sends a command to Redis, and getOrCompute still answers',
  external: {},
  expectations: [
    ...['answers', 'not-to-redis', 'variable-false', 'variable-absent'],
    ...['{redis}-commands', '{redis}-connections'],
  ],
});
