import { rehearsalDrill } from './families.ts';

export const structuredLogs = rehearsalDrill({
  id: 'structured-logs',
  title: 'Hits, misses, errors, fallbacks and an outage as JSON lines',
  source: 'requirements document 004 §3, observability; client/extras/log.ts, client/extras/telemetry.ts',
  safeOutcome: 'every event is one JSON line with its documented fields, and no line has a value or a secret',
  expectations: [
    ...['parsed', 'fields', 'values', 'secrets'].map((what) => `lines/${what}`),
    ...['hit', 'miss', 'error', 'fallback', 'purged'].map((what) => `logged/${what}`),
    ...['lost', 'ready', 'breaker-open', 'breaker-closed'].map((what) => `outage/${what}`),
  ],
});
