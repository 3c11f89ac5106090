/**
 * Benchmarks, run by hand: `npm run bench -- client [scenario …]`, `npm run bench -- deploy [rounds]`,
 * `npm run bench -- failover <fault> [rounds] [down-after in ms] [PING interval in ms]`, `npm run bench -- readiness <rounds> [--busy <loops>]`,
 * `npm run bench -- sizing` and `npm run bench -- warming`.
 *
 * Each benchmark measures all subjects in one run, because the speed of shared machines changes from hour to hour. Compare the
 * ratios, not the absolute figures.
 */
const [what, ...rest] = process.argv.slice(2);
process.argv.splice(2, Number.POSITIVE_INFINITY, ...rest);

switch (what) {
  case 'client':
    await import('./client/run.ts');
    break;
  case 'deploy':
    await import('./deploy.ts');
    break;
  case 'failover':
    await import('./failover/index.ts');
    break;
  case 'sizing':
    await import('./sizing.ts');
    break;
  case 'warming':
    await import('./warming.ts');
    break;
  case 'readiness':
    await import('./readiness.ts');
    break;
  default:
    process.stderr.write(
      `bench: ${JSON.stringify(what ?? '')} is not a benchmark; allowed: client, deploy, failover, readiness, sizing, warming\n  npm run bench -- client [scenario …]\n  npm run bench -- deploy [rounds]\n  npm run bench -- failover <fault> [rounds] [down-after in ms] [PING interval in ms]\n  npm run bench -- readiness <rounds> [--busy <loops>] [options of kit readiness]\n  npm run bench -- sizing [--save <dir>]\n  npm run bench -- warming [--save <dir>]\n`,
    );
    process.exitCode = 2;
}
