import { renderedFault } from '../../server-fault-builders.ts';

export const fault = renderedFault({
  what: 'The files open plain ports where encryption is promised',
  settings: { 'promises.encryption': true },
  criterion: 'tls',
  remedy: ['security.tls'],
});
