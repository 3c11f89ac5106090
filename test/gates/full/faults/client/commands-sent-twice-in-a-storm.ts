import { clientFault, withReplacedCalls } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one command in fifty is sent twice, in a storm',
  drills: ['storm'],
  criterion: 'storm-no-double-apply',
  remedy: ['was repeated'],
});

let calls = 0;

export const openCache = withReplacedCalls(async (call) => {
  if (++calls % 50 === 0) await call();
  return call();
});
