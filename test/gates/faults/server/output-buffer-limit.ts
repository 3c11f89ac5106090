import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica that lags by 1 MB is disconnected',
  node: 'redis-2',
  set: { 'client-output-buffer-limit': 'replica 1mb 0 0' },
  criterion: 'configuration-drift',
  remedy: ['redis-2: client-output-buffer-limit is', 'replica 1048576 0 0', 'replica 268435456 67108864 60'],
});
