/**
 * The entry point for planted clients: a module replaces the kit's client in complete runs. No part of the command uses
 * this entry point.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { Report } from '../../../harness/reports/report.ts';
import { run } from '../../../harness/run/index.ts';
import { PlantedClient } from '../../../harness/run/planted-client.ts';
import { loadClient } from '../../../harness/workloads/client-module.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';

const moduleOf = (name: string) => new URL(`../../gates/faults/client/${name}.ts`, import.meta.url);

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
  });
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

  it('changes the verdict, and the report names the module', async () => {
    const report = await judged(['hit-miss'], 'answers-from-memory');
    expect(report.verdict.decision).toBe('NO_GO');
    expect(failed(report)).toContain('clients-served');
    const reason = report.verdict.criteria.find(({ id }) => id === 'clients-served')?.reason;
    expect(reason).toMatch(/not read from the master/);
    expect(report.run.deviations.join()).toContain('faults/client/answers-from-memory.ts');
  });

  it('is the only cause of the failure: the kit’s own client passes the same drill', async () => {
    const report = await judged(['hit-miss']);
    expect(failed(report)).toEqual([]);
    expect(report.run.deviations.join()).not.toContain('client under test');
  });
});

describe('the replacement client module', () => {
  it('is rejected if it lacks an export of the client, or cannot be loaded', async () => {
    const lacking = pathToFileURL(resolve('client/keys/keys.ts')).href;
    await expect(loadClient({ module: lacking })).rejects.toThrow(/does not export .*openCache/);
    await expect(loadClient({ module: 'file:///nowhere.ts' })).rejects.toThrow(/cannot be loaded/);
  });

  it('is used only by tests: no other file imports its entry point as a value', () => {
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
