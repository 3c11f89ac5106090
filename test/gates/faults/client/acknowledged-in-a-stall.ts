import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a set that fails is reported as stored',
  drills: ['short-stall'],
  criterion: 'stall-lossless',
  remedy: ['the client acknowledged writes that it did not send'],
});

export const openCache = withReplacedMethods((cache) => ({
  set: async (key, value, options) => {
    const receipt = await cache.set(key, value, options).catch(() => undefined);
    return receipt?.source === 'redis' ? receipt : { source: 'redis', replicas: 1 };
  },
}));
