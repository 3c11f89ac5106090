import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { longFirst } from './support/long-first.ts';

const root = join(import.meta.dirname, '..');
const DOCKER = 'test/infra/substrates/docker';

/** Tests that only `npm run test:engine:full` runs. CONTRIBUTING.md lists them. */
const FULL = `${DOCKER}/full/*.engine.ts`;

/**
 * Files that run one after the other, before all others: they remove images that other files deploy, or keep every core
 * busy.
 */
const ALONE = [
  ...['images', 'bundle', 'published'].map((name) => `${DOCKER}/${name}.engine.ts`),
  'test/harness/samplers/machine.engine.ts',
];

/** Files that take longest (reporter `slowest-files.ts`). The two workers then end at about the same time. */
const LONG = [
  ...['refusals', 'lifecycle', 'drift', 'observability', 'cluster', 'contract', 'recover', 'rolling-change'],
  ...['runbook', 'own-certificates', 'tls', 'packed-kit', 'passwords', 'hosts', 'judged-deploy'],
].map((name) => `/${name}.engine.ts`);

/**
 * Tests on a real Docker engine. `npm run test:engine` builds the images once before the tests. Then the files in
 * `ALONE` run one after the other, and the others two at a time, each with its own environments, ports and addresses:
 * they mostly wait for containers and elections, and Terraform uses about one core. Sentinels count a node as down after
 * 3 s and nodes of a cluster after 2 s (`fixtures.ts`), so that a busy machine does not cause a failover in the middle
 * of a deploy.
 *
 * @param isFull whether the tests that CI does not run are included
 */
export function engineTests(isFull: boolean) {
  const exclude = [...configDefaults.exclude, ...(isFull ? [] : [FULL])];
  return defineConfig({
    root,
    test: {
      projects: [
        {
          ...{ root, extends: true },
          test: { name: 'alone', maxWorkers: 1, sequence: { groupOrder: 1 }, include: ALONE, exclude },
        },
        {
          ...{ root, extends: true },
          test: {
            ...{ name: 'two at a time', maxWorkers: 2, sequence: { groupOrder: 2 } },
            // The tests in the Docker folder that need no engine also run, because they count towards coverage.
            include: ['test/**/*.engine.ts', `${DOCKER}/*.test.ts`],
            exclude: [...exclude, ...ALONE],
          },
        },
      ],
      sequence: { sequencer: longFirst(LONG) },
      setupFiles: ['test/support/unhandled-errors.ts', 'test/support/kept-code.ts'],
      globalSetup: ['test/support/engine-setup.ts'],
      testTimeout: 300_000,
      hookTimeout: 300_000,
      coverage: {
        provider: 'v8',
        include: ['infra/substrates/docker/**/*.ts'],
        // cdktf starts this module in a separate process, where coverage is not measured.
        exclude: ['infra/substrates/docker/app.ts'],
        reporter: ['text-summary', 'json-summary'],
        reportOnFailure: true,
        reportsDirectory: 'coverage/engine',
        thresholds: { lines: 80, branches: 80 },
      },
      retry: 0,
      // The image of the testcontainers cleanup container is not available offline; the tests stop the containers that
      // they start.
      env: { TESTCONTAINERS_RYUK_DISABLED: 'true' },
    },
  });
}

export default engineTests(false);
