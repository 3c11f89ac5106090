import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files let a node accept 200 connections',
  settings: { 'redis.extra': { maxclients: '200' } },
  criterion: 'safe-directives',
  remedy: ["maxclients is '200', as rendered"],
});
