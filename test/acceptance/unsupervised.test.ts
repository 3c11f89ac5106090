/** A run measures the cost of a client without supervision instead of only deriving it from the configuration. */
import { expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';

/**
 * With `minReplicasToWrite` 1, the old master rejects writes once it has resumed and has detected that its replicas
 * have left; in some runs, this is before the first queued write. With 0, it acknowledges thousands of writes until it
 * becomes a replica.
 */
const SETTINGS = { 'client.supervision': false, 'redis.minReplicasToWrite': 0 };

it('a client without supervision also fails the measured criteria when the master hangs', async () => {
  await using cli = new CliHarness();
  const file = cli.writeEnvironment('unsupervised-hang', SETTINGS);
  const { exitCode, out } = await cli.runKit('drill', 'master-hang', '--env', file, '--out', 'hang');
  expect(exitCode, out).toBe(EXIT.NO_GO);
  const measured = cli
    .readReport('hang')
    .verdict.criteria.filter(
      ({ state, scope }) => state === 'FAIL' && scope.workload.includes('master-hang'),
    );
  expect(measured.map(({ id }) => id)).toContain('no-stale-acknowledgement');
  await cli.expectNothingLeft();
});
