import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'once a connection was lost, deletions are acknowledged and not sent',
  drills: ['observability'],
  criterion: 'clients-served',
  remedy: ['acknowledged, but did not reach the master'],
});

export const openCache = withReplacedMethods((cache) => {
  let isDead = false;
  cache.on(({ type }) => {
    isDead ||= type === 'lost';
  });
  return {
    delete: async (...names) => (isDead ? names.flat().length : cache.delete(...names)),
  };
});
