/** The door for planted clients: a module stands in for the kit's client in whole runs, and nothing of the command leads there. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../config/load.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { PlantedClient } from '../../harness/planted-client.ts';
import type { Report } from '../../harness/reports/report.ts';
import { run } from '../../harness/run.ts';
import { loadClient } from '../../harness/workloads/client-module.ts';
import type { Environment } from '../../infra/environment.ts';
import { localSubstrate } from '../../infra/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';

const moduleOf = (name: string) => new URL(`../gates/faults/client/${name}.ts`, import.meta.url);

describe('a planted client', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kit-planted-client-'));
  const stateDir = join(dir, '.kit');
  let config: EnvironmentConfig;
  let environment: Environment;
  let runs = 0;

  beforeAll(async () => {
    const file = resolve('config/environments/single.yaml');
    config = loadEnvironment(file, { name: 'planted-client' }, new Map());
    environment = await localSubstrate({ stateDir }).apply(planTopology(config), { ephemeral: false });
  }, 60_000);
  afterAll(async () => {
    await environment?.[Symbol.asyncDispose]();
    await localSubstrate({ stateDir }).destroy('planted-client');
    rmSync(dir, { recursive: true, force: true });
  });

  async function judged(drills: readonly string[], planted?: string): Promise<Report> {
    const request = {
      ...({ kind: 'drill', environment: config, substrate: 'local', profile: 'quick', seed: 1 } as const),
      ...{
        out: join(dir, `run-${++runs}`),
        drills,
        trials: undefined,
        retries: 0,
        argv: [],
        coverage: undefined,
        stateDir,
      },
      progress: () => undefined,
      signal: new AbortController().signal,
    };
    const client = planted === undefined ? undefined : new PlantedClient(moduleOf(planted));
    return (await run(request, client)).report;
  }
  const failed = ({ verdict }: Report) =>
    verdict.criteria.filter(({ state }) => state === 'FAIL').map(({ id }) => id);

  it.each([
    ['answers-from-memory', 'hit-miss', 'clients-served', /not read from the master/],
    ['answers-from-memory', 'zipf-100', 'clients-served', /not read from the master/],
    ['unwritten-batches', 'write-paths', 'writes-stored', /value\/set-many/],
    ['undeleted-batches', 'write-paths', 'deletions-done', /deletion\/several/],
    ['families-without-expiry', 'write-paths', 'ttls-kept', /ttl\/set/],
    ['ignored-tags', 'write-paths', 'deletions-done', /deletion\/tags/],
    ['ignored-expire', 'write-paths', 'ttls-kept', /ttl\/expire/],
    ['loads-per-caller', 'single-flight', 'single-flight', /one-process\/loads/],
    ['loads-per-process', 'single-flight', 'single-flight', /two-processes\/loads/],
    ['stale-hundredth', 'coherence', 'coherent-tiers', /overwritten\/plain-get/],
    ['unheard-invalidations', 'coherence', 'coherent-tiers', /overwritten\/tiered-get/],
    ['unreplayed-deletions', 'outage-writes', 'outage-writes', /replaced-in-redis/],
    ['unstored-loads', 'write-paths', 'writes-stored', /value\/compute-many/],
  ])('%s turns the verdict of %s by %s', { timeout: 60_000 }, async (planted, drill, criterion, because) => {
    const report = await judged([drill], planted);
    expect(report.verdict.decision).toBe('NO_GO');
    expect(failed(report)).toContain(criterion);
    expect(report.verdict.criteria.find(({ id }) => id === criterion)?.because).toMatch(because);
    // The report names the module that replaced the client.
    expect(report.run.departures.join()).toContain(`faults/client/${planted}.ts`);
  });

  it('is the only reason: the kit’s own client passes the same drills', { timeout: 60_000 }, async () => {
    const report = await judged([
      'hit-miss',
      'zipf-100',
      'write-paths',
      'coherence',
      'single-flight',
      'outage-writes',
    ]);
    expect(failed(report)).toEqual([]);
    expect(report.run.departures.join()).not.toContain('client under test');
  });
});

describe('the module that stands in for the client', () => {
  it('is refused where it lacks an export of the client, or cannot be loaded', async () => {
    const lacking = pathToFileURL(resolve('client/keys.ts')).href;
    await expect(loadClient({ module: lacking })).rejects.toThrow(/does not export .*openCache/);
    await expect(loadClient({ module: 'file:///nowhere.ts' })).rejects.toThrow(/cannot be loaded/);
  });

  it('is named by tests alone: no other file imports the door as a value', () => {
    const files = ['harness', 'scripts', 'infra', 'config', '.ci'].flatMap((room) =>
      readdirSync(room, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(room, name)),
    );
    const importing = files.filter((file) =>
      /^import (?!type )[^;]*planted-client\.ts'/m.test(readFileSync(file, 'utf8')),
    );
    expect(importing).toEqual([]);
  });
});
