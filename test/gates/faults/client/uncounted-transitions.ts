import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the client counts no transitions of the breaker',
  drills: ['breaker'],
  criterion: 'circuit-breaker',
  isTimed: true,
  remedy: ['not counted'],
});

export const openCache = withReplacedMethods((cache) => ({
  stats: () => ({ ...cache.stats(), breakerTransitions: 0 }),
}));
