import { clientFault, withPasswordAskedOnce } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'the password function is called for the first connection only',
  drills: ['credential-rotation'],
  criterion: 'credentials-rotated',
  remedy: ['not called for each connection attempt'],
});

export const openCache = withPasswordAskedOnce();
