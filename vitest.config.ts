import { configDefaults, defineConfig } from 'vitest/config';
import { longFirst } from './test/support/long-first.ts';
import { EVIDENCE_SUITES, resultReporters } from './test/support/suites.ts';

/**
 * Short files that take long (reporter `slowest-files.ts`): a contract on every server of `KIT_TEST_SERVERS`, every drill
 * of a rehearsal, and runs of `kit` with drills.
 */
const LONG = [
  ...['local/servers', 'rehearsal', 'runbook', 'operator-commands', 'local/contract', 'misconfiguration'],
  ...['cluster-drills', 'secrets', 'extension-client', 'packed-kit', 'unsupervised', 'production', 'bulk'],
].map((name) => `/${name}.test.ts`);

/**
 * Tests run against real Redis processes on a machine that may have two cores: files run in few workers (most of
 * their time is spent waiting for a failover or a timeout, so that three suit two cores), waits are
 * bounded by conditions and not by this timeout, which only ends a hang; nothing is retried.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...EVIDENCE_SUITES],
    reporters: resultReporters('tests'),
    setupFiles: ['test/support/unhandled-errors.ts', 'test/support/kept-code.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 3,
    sequence: { sequencer: longFirst(LONG) },
    retry: 0,
    expect: { poll: { timeout: 60_000 } },
    coverage: {
      provider: 'v8',
      // a failed test must not hide the figure that the coverage criterion is judged by
      reportOnFailure: true,
      include: ['config/**/*.ts', 'infra/**/*.ts', 'client/**/*.ts', 'harness/**/*.ts'],
      // infra/substrates/docker is measured where an engine runs it: test/engine.config.ts.
      // k6 runs the scenarios, and no Node.
      exclude: ['client/dist/**', 'infra/substrates/docker/**', 'harness/workloads/http/scenarios/**'],
      reporter: ['text-summary', 'json-summary', 'json'],
      thresholds: { lines: 80, branches: 80 },
    },
  },
});
