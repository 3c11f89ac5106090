import { openCache as openOwn } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the password function is called for the first connection only',
  drills: ['credential-rotation'],
  criterion: 'credentials-rotated',
  remedy: ['not called for each connection attempt'],
});

export const openCache: typeof openOwn = (options) => {
  const { password } = options;
  if (typeof password !== 'function') return openOwn(options);
  let first: string | Promise<string> | undefined;
  return openOwn({
    ...options,
    password: () => {
      first ??= password();
      return first;
    },
  });
};
