import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a command without a reply is sent again',
  drills: ['replies-lost'],
  criterion: 'no-double-apply-exposed',
  remedy: ['was repeated'],
});

export const openCache = withReplacedMethods(({ connection }) =>
  connection === undefined
    ? {}
    : {
        connection: new Proxy(connection, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (name !== 'call') return typeof value === 'function' ? value.bind(target) : value;
            return (...args: Parameters<typeof connection.call>) =>
              connection.call(...args).catch(() => connection.call(...args));
          },
        }),
      },
);
