/** The cost of a client without supervision is measured, not only derived from its configuration. */
import { expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';

/** Such a client waits until the master returns, which happens only at the drill's recovery bound of 30 s. */
const BOUND_MS = 90_000;

it(
  'a client without supervision also fails the measured criteria when the master hangs',
  async () => {
    await using cli = new CliHarness();
    const file = cli.writeEnvironment('unsupervised-hang', { 'client.supervision': false });
    const { exitCode, out } = await cli.runKit('drill', 'master-hang', '--env', file, '--out', 'hang');
    expect(exitCode, out).toBe(EXIT.NO_GO);
    const measured = cli
      .readReport('hang')
      .verdict.criteria.filter(
        ({ state, scope }) => state === 'FAIL' && scope.workload.includes('master-hang'),
      );
    // Whether the old master acknowledges writes before it is demoted depends on the moment of its return.
    const ids = measured.map(({ id }) => id);
    const expected = ['no-stale-acknowledgement', 'failover-time-master-hang'];
    expect(
      ids.filter((id) => expected.includes(id)),
      `failed: ${ids.join(', ')}`,
    ).not.toEqual([]);
    await cli.expectNothingLeft();
  },
  BOUND_MS,
);
