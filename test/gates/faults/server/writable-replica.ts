import { directive } from '../../server-fault-builders.ts';

export const fault = directive({
  what: 'A replica takes writes of clients',
  node: 'redis-2',
  set: { 'replica-read-only': 'no' },
  rendered: 'yes',
  criterion: 'replicas-read-only',
});
