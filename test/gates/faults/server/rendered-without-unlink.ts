import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files take the command UNLINK away from every client',
  settings: { 'redis.extra': { 'rename-command': 'UNLINK ""' } },
  criterion: 'commands-available',
  remedy: ['redis-1: it has no command UNLINK, which app needs'],
});
