import { clientFault, withPasswordAskedOnce } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'the password function is called for the first connection only, and the previous password is removed later',
  drills: ['rotate-password'],
  criterion: 'passwords-rotated',
  remedy: ['pass a function for the password'],
});

export const openCache = withPasswordAskedOnce();
