import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica without its master refuses reads',
  node: 'redis-2',
  set: { 'replica-serve-stale-data': 'no' },
  rendered: 'yes',
  criterion: 'configuration-drift',
});
