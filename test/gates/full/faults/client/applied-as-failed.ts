import { clientFault, withReplacedCalls } from '../../../client-fault-builders.ts';

export * from '../../../../../client/index.ts';

export const fault = clientFault({
  what: 'one applied command in fifty is reported as failed',
  drills: ['sentinel-loss'],
  criterion: 'failures-are-honest',
  remedy: ['A caller that repeats the write applies it twice'],
});

let calls = 0;

export const openCache = withReplacedCalls(async (call) => {
  const reply = await call();
  if (++calls % 50 === 0) throw new Error('failed');
  return reply;
});
