import { NotSentError } from '../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a command that fails because the login is rejected does not report the reason',
  drills: ['credential-rotation'],
  criterion: 'credentials-rotated',
  isTimed: true,
  remedy: ['do not report the rejection'],
});

export const openCache = withReplacedMethods((cache) => ({
  setIfAbsent: async (...args) => {
    try {
      return await cache.setIfAbsent(...args);
    } catch {
      throw new NotSentError('Redis is unreachable');
    }
  },
}));
