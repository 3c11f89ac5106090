/**
 * The verdict under the oldest Node.js version that can run the checkout's TypeScript is byte-identical to the verdict
 * under the kit's own Node.js version. The oldest version comes from the registry; if it is not available, the test is
 * skipped with that reason.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { CliHarness } from '../support/cli-harness.ts';

/** The installed package supports older versions of Node.js: see `test/packed-kit.test.ts`. */
const { devEngines } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  devEngines: { runtime: { version: string } };
};
const OLDEST = `${devEngines.runtime.version.replace('>=', '')}.0`;
const FETCHING_MS = 50_000;

function fetchNode(version: string): string | undefined {
  try {
    const args = ['exec', '--yes', `--package=node@${version}`, '--', 'node', '-p', 'process.execPath'];
    return execFileSync('npm', args, { timeout: FETCHING_MS, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return undefined;
  }
}

it(`kit verify and kit analyze produce the same bytes under Node ${OLDEST}`, async (context) => {
  const oldest = fetchNode(OLDEST);
  if (oldest === undefined) return context.skip(`not measured: Node ${OLDEST} could not be fetched`);
  expect(execFileSync(oldest, ['--version']).toString()).toBe(`v${OLDEST}\n`);
  await using cli = new CliHarness();
  cli.expectNoFailures(await cli.runKit('drill', 'hit-miss', 'zipf-100', '--out', 'run'), 'run');
  // Not `execFileSync`, which throws on a nonzero exit code: `analyze` exits with 3 if a busy machine makes the verdict
  // UNKNOWN.
  const kit = (...args: string[]) =>
    spawnSync(oldest, [resolve('scripts/kit.ts'), ...args], { cwd: cli.path }).stdout.toString();
  expect(kit('verify', 'run')).toContain('verified');
  expect(kit('analyze', 'run', '--json')).toBe(readFileSync(join(cli.path, 'run', 'report.json'), 'utf8'));
  expect(kit('up', '--json')).toContain('"healthy": true');
  expect(kit('status')).toMatch(/^dev: healthy/);
  expect(kit('down')).toMatch(/^dev: stopped/);
});
