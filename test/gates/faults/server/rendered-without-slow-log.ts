import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files switch the slow log off',
  settings: { 'redis.extra': { 'slowlog-log-slower-than': '-1' } },
  criterion: 'safe-directives',
  remedy: ["slowlog-log-slower-than is '-1', as rendered"],
});
