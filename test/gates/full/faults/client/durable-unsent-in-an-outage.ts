import { clientFault, withUnsentWrites } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one durable write in fifty is acknowledged and never sent',
  drills: ['outage'],
  criterion: 'durable-kept-under-faults',
  remedy: ['The client acknowledged writes that it never stored'],
});

export const openCache = withUnsentWrites(true);
