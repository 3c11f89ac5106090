/**
 * Runs the Docker commands in docs/runbook.md against one environment on the engine, each section after its symptom
 * occurs.
 */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { EXIT } from '../../config/errors.ts';
import { docker, inspectContainers } from '../../infra/substrates/docker/engine.ts';
import { imagesFile } from '../../infra/substrates/docker/images.ts';
import { partsOf } from '../../infra/substrates/docker/ownership.ts';
import { describeOnEngine } from '../infra/substrates/docker/fixtures.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { waitUntil } from '../support/redis-process.ts';
import { missingPrograms, Runbook, type Symptom } from '../support/runbook.ts';
import { connectionLimitSection } from '../support/runbook-connection-limit.ts';

const NAME = 'runbook';
const FIRST_PORT = 29_300;
const cli = new CliHarness();
const runbook = new Runbook('docker', NAME, cli.path);
const up = ['up', '--env', NAME, '--substrate', 'docker'];
const containerOf = (id: string) => `kit-${NAME}-${id}`;

interface Case extends Symptom {
  /** Nodes that are killed before the section is followed; `master` means the current master. */
  readonly kill?: readonly string[];
}

const REDIS = ['redis-1', 'redis-2', 'redis-3'];
const SENTINELS = ['sentinel-1', 'sentinel-2', 'sentinel-3'];
const CASES: Readonly<Record<string, Case>> = {
  'Environment status': { prints: /role:master/ },
  'No master': {
    kill: ['master', 'sentinel-2', 'sentinel-3'],
    shownBy: 'view; rc sentinel-1 SENTINEL CKQUORUM mymaster',
    prints: /NOQUORUM/,
  },
  Slow: { prints: /cmdstat_/ },
  'Memory full': { prints: /used_memory_human/ },
  'Clients cannot connect': { prints: /rejected_connections:0/ },
  'Host rebooted': { kill: [...SENTINELS, ...REDIS], prints: /Exited/ },
  'Replica will not sync': { prints: /master_link_status:up|role:master/ },
  'Disk full': { prints: /rdb_last_bgsave_status:ok/ },
  'Exporter or Commander down': { kill: ['exporter'], prints: /kit-runbook-commander/ },
  'Password rotation': { prints: /the nodes refuse the previous ones/ },
};

/** Kills containers one after the other; `recover.engine.ts` explains why. The engine does not restart them. */
async function kill(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const node = id === 'master' ? (await runbook.run('view', 'master')).trim() : id;
    await docker(['kill', containerOf(node)]);
  }
}

const missing = missingPrograms('jq', 'redis-cli');
const skipped = missing.length === 0 ? '' : ` [skipped: ${missing.join(', ')} not installed]`;

describeOnEngine(`the runbook on Docker${skipped}`, () => {
  const onEngine = it.runIf(missing.length === 0);

  beforeAll(async () => {
    const ports = {
      redis: FIRST_PORT,
      sentinel: FIRST_PORT + 10,
      exporter: FIRST_PORT + 20,
      commander: FIRST_PORT + 21,
    };
    cli.writeFile('kit.yaml', stringify({ environments: { [NAME]: { extends: 'dev', docker: { ports } } } }));
    const own = resolve(cli.path, '.kit');
    const built = imagesFile(resolve('.kit'));
    if (existsSync(built)) {
      mkdirSync(dirname(imagesFile(own)), { recursive: true });
      cpSync(built, imagesFile(own));
    }
    const { exitCode, err } = await cli.runKit(...up);
    expect(exitCode, err).toBe(EXIT.GO);
  });

  afterAll(async () => {
    await cli.runKit('down', '--env', NAME, '--substrate', 'docker');
    await cli[Symbol.asyncDispose]();
    expect(await partsOf(NAME)).toEqual([]);
  });

  onEngine('has commands for Docker in every section that has commands for local processes', () => {
    const executable = runbook.sections.filter(({ blocks }) => blocks.length > 0).map(({ title }) => title);
    const local = new Runbook('local', NAME, cli.path).sections.filter(({ blocks }) => blocks.length > 0);
    expect(executable).toEqual(local.map(({ title }) => title));
    expect([...Object.keys(CASES), 'Connection limit reached'].sort()).toEqual([...executable].sort());
  });

  onEngine.each(Object.entries(CASES))(
    'has working commands in the section: %s',
    async (title, { kill: killed = [], ...symptom }) => {
      await kill(killed);
      await runbook.follow(title, symptom);
    },
  );

  if (missing.length === 0) connectionLimitSection(runbook, ['failover']);

  onEngine('leaves a healthy environment', async () => {
    const exitCode = async () => (await cli.runKit('status', '--env', NAME)).exitCode;
    await expect.poll(exitCode, { timeout: 60_000 }).toBe(EXIT.GO);
    const parts = [...REDIS, ...SENTINELS, 'exporter', 'commander', 'watchdog'].map(containerOf);
    const states = async () =>
      [...(await inspectContainers(parts)).values()].map(({ State }) => State.Status);
    await waitUntil('all containers to run', async () => (await states()).every((it) => it === 'running'));
  });
});
