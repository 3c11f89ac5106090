import { fullOnlyIntegration } from './families.ts';

/** Toxics that prevent every reply from arriving completely and in time. */
const FATAL = ['latency', 'bandwidth', 'dribbled', 'cut', 'slow-close', 'replies-lost', 'requests-lost'];
const ALL = [...FATAL, 'jitter', 'reset'];

export const slowRedis = fullOnlyIntegration({
  id: 'slow-redis',
  title: 'Replies are late, slow, truncated or lost',
  source: 'drills: slow-redis; Shopify/toxiproxy',
  safeOutcome:
    'deadlines are met, the breaker opens, the fallback answers, and Redis serves again without a restart',
  expectations: [
    ...ALL.flatMap((toxic) =>
      ['answered', 'reads', 'writes', 'within-deadline', 'recovered', 'kept'].map(
        (what) => `${toxic}/${what}`,
      ),
    ),
    ...FATAL.flatMap((toxic) => ['opens', 'answers-open'].map((what) => `${toxic}/${what}`)),
    ...['applied-once', 'none-unhandled'].map((what) => `all/${what}`),
  ],
  timed: [
    ...ALL.flatMap((toxic) => ['within-deadline', 'recovered', 'kept'].map((what) => `${toxic}/${what}`)),
    ...FATAL.map((toxic) => `${toxic}/opens`),
  ],
});
