import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files never let a replica be promoted',
  settings: { 'redis.extra': { 'replica-priority': '0' } },
  criterion: 'promotion',
  remedy: ["replica-priority is '0', as rendered"],
});
