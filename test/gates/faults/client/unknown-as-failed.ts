import { CacheError } from '../../../../client/index.ts';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a write whose answer is lost is reported as not applied',
  drills: ['replies-lost'],
  criterion: 'lost-answers-unknown',
  remedy: ['A caller that repeats the write applies it twice', 'defect of the client'],
});

export const openCache = withReplacedMethods((cache) => {
  const own = cache.connection;
  if (own === undefined) return {};
  const connection = new Proxy(own, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value;
      return async (command: string, ...args: string[]) =>
        target.call(command, ...args).catch((error: unknown) => {
          if (error instanceof CacheError) throw new Error(error.message);
          throw error;
        });
    },
  });
  return { connection };
});
