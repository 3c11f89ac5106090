import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app reaches every channel',
  node: 'redis-2',
  user: 'app',
  rules: ['&*'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user app has the channels'],
});
