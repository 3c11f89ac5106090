import { directive } from '../../server-fault-builders.ts';

export const fault = directive({
  what: 'A replica evicts keys by itself',
  node: 'redis-2',
  set: { 'replica-ignore-maxmemory': 'no' },
  rendered: 'yes',
  criterion: 'replicas-read-only',
});
