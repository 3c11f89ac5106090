import { fullOnlyIntegration } from './families.ts';

export const connectionSaturation = fullOnlyIntegration({
  id: 'connection-saturation',
  title: 'The server reaches maxclients and refuses new connections',
  source: 'drills: connection-saturation; requirements document 004 §2, Redis connection saturation',
  safeOutcome:
    'existing connections are served; a client without a connection gets a clear error within the deadline, and recovers without a restart',
  expectations: [
    ...['served', 'stored'].map((what) => `connected/${what}`),
    ...['cut', 'new'].flatMap((cache) =>
      ['answered', 'reads', 'errors', 'message', 'within-deadline', 'opens', 'recovered'].map(
        (what) => `${cache}/${what}`,
      ),
    ),
    ...['applied-once', 'none-unhandled', 'limit-restored'].map((what) => `all/${what}`),
  ],
  timed: [
    ...['served', 'stored'].map((what) => `connected/${what}`),
    ...['cut', 'new'].flatMap((cache) =>
      ['within-deadline', 'opens', 'recovered'].map((what) => `${cache}/${what}`),
    ),
  ],
});
