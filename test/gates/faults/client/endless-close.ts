import { setTimeout as sleep } from 'node:timers/promises';
import { clientFault, withReplacedMethods } from '../../client-fault-builders.ts';

export * from '../../../../client/index.ts';

export const fault = clientFault({
  what: 'a close with lost deletions takes 2 s longer',
  drills: ['outage-writes'],
  criterion: 'deletions-at-close',
  isTimed: true,
  remedy: ['close()'],
});

export const openCache = withReplacedMethods((cache) => ({
  close: async () => {
    const report = await cache.close();
    if (report.lost.length > 0) await sleep(2_000);
    return report;
  },
}));
