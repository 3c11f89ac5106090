import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { EVIDENCE_SUITES, resultReporters } from './support/suites.ts';

/**
 * Suites on damaged and incomplete evidence, without coverage (see `support/suites.ts`). `npm test` runs them in parallel
 * with the other tests (`run-all.ts`). They only compute, so more workers than cores would only use more memory.
 */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: EVIDENCE_SUITES,
    reporters: resultReporters('evidence-tests'),
    setupFiles: ['test/support/unhandled-errors.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    retry: 0,
  },
});
