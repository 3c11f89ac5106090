import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app has a second password',
  node: 'redis-3',
  user: 'app',
  rules: ['>planted-password'],
  criterion: 'configuration-drift',
  remedy: ['redis-3: user app has different passwords'],
});
