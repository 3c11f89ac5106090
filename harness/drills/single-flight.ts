import { integrationDrill } from './families.ts';

export const singleFlight = integrationDrill({
  id: 'single-flight',
  title: 'One load per key in one process and across processes',
  source: 'client/README.md, Loads',
  safeOutcome: 'loaders run once per missing key, and a load never overwrites a newer value',
  expectations: [
    ...['one-process', 'two-processes'].flatMap((id) => [
      `${id}/answers`,
      `${id}/loads`,
      `${id}/no-more-loads`,
    ]),
    ...['many/answers', 'many/loads', 'error/thrown', 'newer/kept', 'newer/not-restored'],
    ...['nothing/kept', 'nothing/forgotten', 'nothing/null'],
    ...['lease/answer', 'lease/wait'],
  ],
  timed: ['lease/wait'],
});
