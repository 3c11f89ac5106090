import { openCache as open } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the breaker never opens',
  drills: ['breaker'],
  criterion: 'circuit-breaker',
  remedy: ['client.breaker'],
  isTimed: true,
});

export const openCache: typeof open = (options) =>
  open({ ...options, breaker: { ...options.breaker, enabled: false } });
