import { directiveFault } from '../../server-fault-builders.ts';

export const fault = directiveFault({
  what: 'A replica accepts 128 connections',
  node: 'redis-2',
  set: { maxclients: '128' },
  rendered: '10500',
  criterion: 'configuration-drift',
});
