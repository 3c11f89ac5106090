import { aclFault } from '../../server-fault-builders.ts';

export const fault = aclFault({
  what: 'The user that sentinels share may reconfigure them',
  node: 'sentinel-1',
  user: 'peer',
  rules: ['+sentinel|set'],
  criterion: 'access-commands',
  remedy: ['sentinel-1: ACL SETUSER peer -sentinel|set'],
});
