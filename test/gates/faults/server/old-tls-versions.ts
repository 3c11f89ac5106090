import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'TLS 1.0 and 1.1 are accepted',
  group: 'encrypted',
  node: 'redis-2',
  set: { 'tls-protocols': 'TLSv1 TLSv1.1 TLSv1.2 TLSv1.3' },
  criterion: 'tls-versions',
  remedy: ["redis-2: tls-protocols is 'tlsv1 tlsv1.1 tlsv1.2 tlsv1.3', rendered 'tlsv1.2 tlsv1.3'"],
});
