import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files allow too little memory for the batches',
  settings: { 'redis.maxmemory': '8mb' },
  drills: ['batches'],
  criterion: 'availability-batches',
  isTimed: true,
  remedy: ['OOM', 'redis.maxmemory'],
});
