import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Ciphers without encryption are accepted',
  group: 'encrypted',
  node: 'redis-3',
  set: { 'tls-ciphers': 'ALL:eNULL:@SECLEVEL=0' },
  criterion: 'tls-versions',
  remedy: ["redis-3: tls-ciphers is 'ALL:eNULL:@SECLEVEL=0'"],
});
