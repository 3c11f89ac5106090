import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files abandon replication after 5 s of silence',
  settings: { 'redis.extra': { 'repl-timeout': '5' } },
  criterion: 'safe-directives',
  remedy: ["repl-timeout is '5', as rendered"],
});
