import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import { drills } from '../../../harness/drills/index.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { TrialRequest } from '../../../harness/trial/context.ts';
import { runTrial } from '../../../harness/trial/index.ts';
import { planTopology } from '../../../infra/topology.ts';

const [drill] = drills.filter(({ id }) => id === 'partition-master');

it.each(['local', 'docker'])(
  'a drill with a fault that the %s substrate cannot cause is not measured, with the reason',
  async (substrate) => {
    const environment = { substrate, capabilities: {}, topology: planTopology(loadEnvironment('dev')) };
    const record = await runTrial({
      ...{ drill, trial: 1, environment, dir: tmpdir(), seed: 1, clock: openClock(), profile: 'full' },
    } as unknown as TrialRequest);
    expect(record).toMatchObject({
      status: 'not-measured',
      reason: expect.stringContaining(`the ${substrate} substrate cannot partition`),
    });
    // A capability that the machine lacks puts the drill out of scope. A capability that the substrate lacks does not.
    const lacks = substrate === 'local' ? expect.stringContaining('nft') : undefined;
    expect(record.lacks).toEqual(lacks);
  },
);
