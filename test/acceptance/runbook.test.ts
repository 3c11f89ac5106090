/** Runs the commands in docs/runbook.md against one local environment, each section after its symptom occurs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { missingPrograms, Runbook, type Symptom } from '../support/runbook.ts';
import { connectionLimitSection } from '../support/runbook-connection-limit.ts';

const cli = new CliHarness();
const runbook = new Runbook('local', 'dev', cli.path);

interface Case extends Symptom {
  /** Processes that are killed before the section is followed. */
  readonly kill?: RegExp;
}
const SYMPTOMS: Readonly<Record<string, Case>> = {
  'Environment status': { prints: /role:master/ },
  'No master': {
    kill: /^sentinel-[23]$/,
    // A sentinel considers another sentinel reachable until that sentinel has not replied for downAfterMs.
    shownBy: 'view; rc sentinel-1 SENTINEL CKQUORUM mymaster',
    prints: /NOQUORUM/,
  },
  Slow: { prints: /cmdstat_/ },
  'Memory full': { prints: /used_memory_human/ },
  'Clients cannot connect': { prints: /rejected_connections:0/ },
  'Host rebooted': { kill: /^(redis|sentinel)-/, prints: /master|slave/ },
  'Replica will not sync': { prints: /role:master[\s\S]*(master_link_status:up|role:master)/ },
  'Disk full': { prints: /rdb_last_bgsave_status:ok/ },
  'Exporter or Commander down': { prints: /healthy/ },
  'Password rotation': { prints: /the nodes refuse the previous ones/ },
};

function kill(which: RegExp): void {
  for (const [id, identity] of Object.entries(cli.readLedger('dev')?.processes ?? {}))
    if (which.test(id)) process.kill(identity.pid, 'SIGKILL');
}

const missing = missingPrograms('jq', 'redis-cli');
const skipped = missing.length === 0 ? '' : ` [skipped: ${missing.join(', ')} not installed]`;
describe.runIf(missing.length === 0)(`the runbook${skipped}`, () => {
  beforeAll(async () => {
    const { exitCode, err } = await cli.runKit('up', '--env', 'dev');
    expect(exitCode, err).toBe(EXIT.GO);
  });
  afterAll(() => cli[Symbol.asyncDispose]());

  it('has commands for local processes in every section that a symptom refers to', () => {
    const executable = runbook.sections.filter(({ blocks }) => blocks.length > 0).map(({ title }) => title);
    expect(executable).toEqual(expect.arrayContaining(Object.keys(SYMPTOMS)));
  });

  it.each(Object.entries(SYMPTOMS))(
    'has working commands in the section: %s',
    async (title, { kill: killed, ...symptom }) => {
      if (killed !== undefined) kill(killed);
      await runbook.follow(title, symptom);
    },
  );

  connectionLimitSection(runbook);

  it('leaves a healthy environment', async () => {
    const exitCode = async () => (await cli.runKit('status', '--env', 'dev')).exitCode;
    await expect.poll(exitCode, { timeout: 60_000 }).toBe(EXIT.GO);
  });
});
