import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The app cannot log in to a replica',
  node: 'redis-3',
  user: 'app',
  rules: ['off'],
  criterion: 'access-users',
  remedy: ['redis-3: ACL SETUSER app on'],
});
