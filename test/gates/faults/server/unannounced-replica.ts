import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'Sentinels do not report a replica to clients',
  node: 'redis-3',
  set: { 'replica-announced': 'no' },
  rendered: 'yes',
  criterion: 'promotion',
});
