import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app has a password other than the rendered one',
  node: 'redis-2',
  user: 'app',
  rules: ['resetpass', '>planted-password'],
  criterion: 'configuration-drift',
  remedy: ['redis-2: user app has different passwords'],
});
