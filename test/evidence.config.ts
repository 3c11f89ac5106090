import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { EVIDENCE_SUITES, resultReporters } from './support/suites.ts';

/** Suites on damaged and incomplete evidence, without coverage (see `support/suites.ts`). `npm test` runs them last. */
export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    include: EVIDENCE_SUITES,
    reporters: resultReporters('evidence-tests'),
    setupFiles: ['test/support/unhandled-errors.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 3,
    retry: 0,
  },
});
