import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files name no append-only file and no snapshot',
  settings: { 'redis.appendonly': false, 'redis.save': [] },
  criterion: 'persistence',
  remedy: ['redis.appendonly'],
});
