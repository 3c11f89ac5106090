import { fromEnv as open } from '../../../../client/index.ts';
import { clientFault } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'fromEnv uses Redis although ENABLE_REDIS_CACHE is not true',
  drills: ['feature-flag'],
  criterion: 'feature-flag',
  remedy: ['ENABLE_REDIS_CACHE=false'],
});

export const fromEnv: typeof open = (variables = process.env) =>
  open({ ...variables, ENABLE_REDIS_CACHE: 'true' });
