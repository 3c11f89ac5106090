import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, planted } from '../../plant.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: '0.9 % of gets take a second longer',
  drills: ['steady'],
  isTimed: true,
  criterion: 'availability',
  remedy: ['connection limits', 'client.commandTimeoutMs'],
});

/** Less than a hundredth, so that p99 does not show it. */
const EVERY = 111;

export const openCache = planted((cache) => {
  let gets = 0;
  return {
    lookup: async (key) => {
      const found = await cache.lookup<never>(key);
      if (++gets % EVERY === 0) await sleep(950);
      return found;
    },
  };
});
