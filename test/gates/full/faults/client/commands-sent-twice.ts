import { clientFault, withCallsSentTwice } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one command in fifty is sent twice',
  drills: ['cut-connections'],
  criterion: 'no-double-apply',
  remedy: ['was repeated'],
});

export const openCache = withCallsSentTwice();
