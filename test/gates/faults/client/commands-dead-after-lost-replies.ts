import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'after one lost reply the connection sends no command of the caller, while the cache goes on',
  drills: ['replies-lost'],
  criterion: 'writes-resume',
  isTimed: true,
  remedy: ['the named kind of write', 'a defect of the client'],
});

export const openCache = withReplacedMethods((cache) => {
  const own = cache.connection;
  if (own === undefined) return {};
  let isDead = false;
  const connection = new Proxy(own, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value;
      return async (command: string, ...args: string[]) => {
        if (isDead) throw new Error('dead');
        return target.call(command, ...args).catch((error: unknown) => {
          isDead = true;
          throw error;
        });
      };
    },
  });
  return { connection };
});
