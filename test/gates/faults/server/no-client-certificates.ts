import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Client certificates are not checked',
  group: 'encrypted',
  node: 'redis-2',
  set: { 'tls-auth-clients': 'no' },
  rendered: 'optional',
  criterion: 'configuration-drift',
});
