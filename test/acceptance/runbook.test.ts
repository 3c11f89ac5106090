/** The commands of docs/runbook.md on one local environment, each section after its symptom. The blocks for Docker are not executed. */
import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { runbookSections } from '../support/runbook.ts';

const missing = ['jq', 'redis-cli'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
const cli = new CliHarness();
const sections = runbookSections('local');
/** Defines `view`, `rc` and `master`. */
const functions = sections.find(({ title }) => title === 'Environment status')?.blocks[0] ?? '';

interface Symptom {
  /** Processes that end before the section is needed. */
  readonly kill?: RegExp;
  /** Command that prints what the section's commands print once the symptom shows. */
  readonly shownBy?: string;
  /** A line that the section's commands print. */
  readonly prints: RegExp;
}
const SYMPTOMS: Readonly<Record<string, Symptom>> = {
  'Environment status': { prints: /role:master/ },
  'No master': {
    kill: /^sentinel-[23]$/,
    // A sentinel counts another one until it has not answered for downAfterMs.
    shownBy: 'view; rc sentinel-1 SENTINEL CKQUORUM mymaster',
    prints: /NOQUORUM/,
  },
  Slow: { prints: /cmdstat_/ },
  'Memory full': { prints: /used_memory_human/ },
  'Clients cannot connect': { prints: /rejected_connections:0/ },
  'Host rebooted': { kill: /^(redis|sentinel)-/, prints: /master|slave/ },
  'Replica will not sync': { prints: /master_link_status:up/ },
  'Disk full': { prints: /rdb_last_bgsave_status:ok/ },
  'Exporter or Commander down': { prints: /healthy/ },
  'Password rotation': { prints: /the nodes refuse the former ones/ },
};

function bash(script: string): Promise<{ readonly exitCode: number; readonly output: string }> {
  const kit = `kit() { "${process.execPath}" "${resolve('scripts/kit.ts')}" "$@"; }\n`;
  return new Promise((done) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', kit + script],
      { cwd: cli.path, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => done({ exitCode: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

function kill(which: RegExp): void {
  for (const [id, identity] of Object.entries(cli.readLedger('dev')?.processes ?? {}))
    if (which.test(id)) process.kill(identity.pid, 'SIGKILL');
}

const skipped = missing.length === 0 ? '' : ` [skipped: ${missing.join(', ')} not installed]`;
describe.runIf(missing.length === 0)(`the runbook${skipped}`, () => {
  beforeAll(async () => {
    const { exitCode, err } = await cli.runKit('up', '--env', 'dev');
    expect(exitCode, err).toBe(EXIT.GO);
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it('has commands for local processes in every section that a symptom leads to', () => {
    const executable = sections.filter(({ blocks }) => blocks.length > 0).map(({ title }) => title);
    expect(executable).toEqual(expect.arrayContaining(Object.keys(SYMPTOMS)));
  });

  it.each(Object.entries(SYMPTOMS))(
    '%s: its commands work',
    async (title, { kill: killed, shownBy, prints }) => {
      const section = sections.find((each) => each.title === title);
      if (killed !== undefined) kill(killed);
      const preamble =
        title === 'Environment status' ? '' : functions.slice(0, functions.indexOf('\nview\n'));
      if (shownBy !== undefined)
        await expect
          .poll(async () => (await bash(`${preamble}\n${shownBy}`)).output, {
            ...{ timeout: 30_000, interval: 500 },
            message: `${shownBy} shows the symptom`,
          })
          .toMatch(prints);
      const { exitCode, output } = await bash(`${preamble}\n${section?.blocks.join('\n')}`);
      expect(exitCode, output).toBe(0);
      expect(output).toMatch(prints);
    },
  );

  it('leaves a healthy environment', async () => {
    const { exitCode, out } = await cli.runKit('status', '--env', 'dev');
    expect(exitCode, out).toBe(EXIT.GO);
  });
});
