import { clientFault, withCallsSentTwice } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one command in fifty is sent twice, in a storm',
  drills: ['storm'],
  criterion: 'storm-no-double-apply',
  remedy: ['was repeated'],
});

export const openCache = withCallsSentTwice();
