/** Remedies for a trial that did not complete. */
import { expect, it } from 'vitest';
import { completeFirst } from '../../../harness/gates/remedies.ts';
import type { RunScope } from '../../../harness/gates/scope.ts';

const run = { environment: 'dev' } as RunScope;

it.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", 'raise redis.maxmemory'],
  ['generator of kit: NOREPLICAS Not enough good replicas to write.', 'redis.minReplicasToWrite'],
  ['MISCONF Redis is configured to save RDB snapshots', 'look at the disk'],
])('the remedy names the setting for a trial that ended with %s', (reason, words) => {
  const remedy = completeFirst('batches', reason, run);
  expect(remedy).toContain(words);
  expect(remedy).toContain('kit drill batches --env dev');
});

it('the remedy asks only for another run if the reason is not a reply from Redis', () => {
  for (const reason of [undefined, 'interrupted', 'took longer than the bound of the drill'])
    expect(completeFirst('batches', reason, run)).toMatch(/^Run kit drill batches --env dev\./);
});
