import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The exporter needs no password',
  node: 'redis-1',
  user: 'exporter',
  rules: ['nopass'],
  criterion: 'access-passwords',
  remedy: ['redis-1: ACL SETUSER exporter resetpass'],
});
