/**
 * Benchmarks, started manually: `npm run bench -- <name> [options]`.
 *
 * Each benchmark measures all subjects in one run, because the speed of shared machines changes from hour to hour.
 * Compare the ratios, not the absolute figures.
 */

/** Options and entry point of each benchmark. */
const BENCHMARKS: Readonly<Record<string, { readonly options: string; run(): Promise<unknown> }>> = {
  alerts: { options: '[alert …]', run: () => import('./alerts/index.ts') },
  backup: { options: '[megabytes] [--seconds n] [--save FILE]', run: () => import('./backup.ts') },
  canary: { options: '[runs] [--save FILE]', run: () => import('./canary/index.ts') },
  client: { options: '[scenario …]', run: () => import('./client/run.ts') },
  deploy: { options: '[rounds]', run: () => import('./deploy.ts') },
  failover: {
    options: '<fault> [rounds] [down-after in ms] [PING interval in ms]',
    run: () => import('./failover/index.ts'),
  },
  'failover-table': {
    options: '[--minutes n] [--trials n] [--rows a,b]',
    run: () => import('./failover/table.ts'),
  },
  history: {
    options: '[megabytes …] [--run <folder>] [--drill <id>] [--save FILE]',
    run: () => import('./history/index.ts'),
  },
  readiness: {
    options: '<rounds> [--busy <loops>] [options for kit readiness]',
    run: () => import('./readiness.ts'),
  },
  rolling: {
    options: '<redis@8.2|valkey@9.1|…> [rounds] [server program | docker]',
    run: () => import('./rolling/index.ts'),
  },
  'same-commit': {
    options: '[pairs] [--save FILE] [options for kit drill]',
    run: () => import('./same-commit.ts'),
  },
  sizing: { options: '[--save <dir>]', run: () => import('./sizing.ts') },
  warming: { options: '[--save <dir>]', run: () => import('./warming.ts') },
};

const [name = '', ...rest] = process.argv.slice(2);
process.argv.splice(2, Number.POSITIVE_INFINITY, ...rest);

const benchmark = BENCHMARKS[name];
if (benchmark === undefined) {
  const usage = Object.entries(BENCHMARKS).map(
    ([each, { options }]) => `  npm run bench -- ${each} ${options}\n`,
  );
  const allowed = Object.keys(BENCHMARKS).join(', ');
  process.stderr.write(
    `bench: ${JSON.stringify(name)} is not a benchmark; allowed: ${allowed}\n${usage.join('')}`,
  );
  process.exitCode = 2;
} else {
  await benchmark.run();
}
