import { expect, it } from 'vitest';
import { minReplicas } from '../../../harness/checkers/min-replicas.ts';
import {
  buildContext,
  buildEnvironment,
  buildHistory,
  fault,
  figureNumber,
  infoSample,
  op,
} from './history-builders.ts';

const FIGURE = 'acknowledgedWithoutReplicas';
const MASTER = infoSample('redis-1', 500, { role: 'master' });
const LOST = [fault(2000, 8000, 'redis-2'), fault(2000, 8000, 'redis-3')];
const REFUSED = op({ at: 6000, done: 6001, outcome: 'fail', code: 'NOREPLICAS' });

it('the checker counts a write that was acknowledged with too few replicas', () => {
  const found = minReplicas.check(
    buildHistory(MASTER, LOST, REFUSED, op({ at: 6500, done: 6501 })),
    buildContext(),
  );
  expect([found.validity, figureNumber(found, FIGURE)]).toEqual(['invalid', 1]);
});

it('the checker does not count writes within the allowed lag or after healing', () => {
  const history = buildHistory(
    MASTER,
    LOST,
    REFUSED,
    op({ at: 4000, done: 4001 }),
    op({ at: 8100, done: 8101 }),
  );
  const found = minReplicas.check(history, buildContext());
  expect([found.validity, figureNumber(found, FIGURE)]).toEqual(['valid', 0]);
});

it.each([
  ['one replica is left', [LOST[0] ?? []], buildContext()],
  [
    'the replicas are lost one after the other',
    [fault(2000, 3000, 'redis-2'), fault(3500, 8000, 'redis-3')],
    buildContext(),
  ],
  ['the master is lost', [fault(2000, 8000, 'redis-1'), LOST[0] ?? []], buildContext()],
  [
    'minReplicasToWrite is 0',
    LOST,
    buildContext({ environment: buildEnvironment({ redis: { minReplicasToWrite: 0 } }) }),
  ],
])('the finding is unknown if %s', (_case, faults, context) => {
  expect(minReplicas.check(buildHistory(MASTER, faults, REFUSED), context).validity).toBe('unknown');
});
