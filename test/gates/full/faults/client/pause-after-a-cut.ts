import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, replaceCalls, withReplacedMethods } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'the cache waits for 200 ms after its connection was closed',
  drills: ['cut-connections'],
  criterion: 'cut-connections-gap',
  isTimed: true,
  remedy: ['waits before it reconnects'],
});

export const openCache = withReplacedMethods((cache) => {
  let resumesAt = 0;
  cache.on(({ type }) => {
    if (type === 'lost') resumesAt = performance.now() + 200;
  });
  const resumed = () => sleep(Math.max(0, resumesAt - performance.now()));
  const own = cache.connection;
  return {
    set: async (...args) => {
      await resumed();
      return cache.set(...args);
    },
    ...(own !== undefined && {
      connection: replaceCalls(own, async (call) => {
        await resumed();
        return call();
      }),
    }),
  };
});
