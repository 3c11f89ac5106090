import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'getOrCompute answers hits 12 ms late',
  drills: ['steady'],
  criterion: 'operation-latency',
  isTimed: true,
  remedy: ["CPU of the client's process"],
});

export const openCache = withReplacedMethods((cache) => ({
  getOrComputeEntry: async (...args) => {
    await sleep(12);
    return cache.getOrComputeEntry(...args);
  },
}));
