/**
 * `npm test`: the tests with coverage, and in parallel the suites on damaged evidence, which only compute.
 *
 *   vitest run --coverage        mostly waits for servers; its output appears at once
 *   vitest run --config …        test:evidence, with a lower priority, so that it only uses the CPU time that the others leave; its
 *                                output appears after theirs
 *
 * The exit code is 0 if both succeed. For single files: `npx vitest run FILE`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

if (process.argv.length > 2) {
  process.stderr.write('npm test takes no arguments; run npx vitest run FILE for single files\n');
  process.exit(2);
}

/** With a higher value, a suite on a machine without any idle time could reach its time limits. */
const NICE = '10';

// Without npm, which would pass a signal on to its shell only.
const evidence = spawn('nice', ['-n', NICE, 'vitest', 'run', '--config', 'test/evidence.config.ts'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const evidenceOutput = text(evidence.stdout);
const tests = spawn('vitest', ['run', '--coverage'], { stdio: 'inherit' });

// More than once: on Ctrl-C, the signal can come from the terminal and from npm.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    for (const child of [tests, evidence]) child.kill(signal);
  });

async function exitCodeOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

const ended = Promise.all([exitCodeOf(tests), exitCodeOf(evidence)]);
await once(tests, 'close');
process.stdout.write(await evidenceOutput);
const [ofTests, ofEvidence] = await ended;
process.exitCode = ofTests === 0 ? ofEvidence : ofTests;
