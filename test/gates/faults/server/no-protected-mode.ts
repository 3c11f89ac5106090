import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Protected mode is off',
  node: 'redis-2',
  set: { 'protected-mode': 'no' },
  rendered: 'yes',
  criterion: 'network-exposure',
});
