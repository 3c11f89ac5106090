/**
 * Comparisons, run by hand: `npm run bench -- client [scenario …]`, `npm run bench -- deploy [rounds]`.
 *
 * Each compares side by side in one run, because the machines that this runs on differ from hour to hour; a figure alone means
 * nothing, a ratio does.
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
  default:
    process.stderr.write(
      `bench: ${JSON.stringify(what ?? '')} is neither 'client' nor 'deploy'\n  npm run bench -- client [scenario …]\n  npm run bench -- deploy [rounds]\n`,
    );
    process.exitCode = 2;
}
