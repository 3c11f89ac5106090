/**
 * The drills of a rehearsal on a real environment: each passes on a healthy one, records exactly its expectations, and
 * leaves keys, passwords and nodes as before.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadEnvironment } from '../../../config/load.ts';
import type { Drill } from '../../../harness/drills/drill.ts';
import { drills } from '../../../harness/drills/index.ts';
import { openClock } from '../../../harness/history/clock.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { requiredExpectations } from '../../../harness/judge/obligations.ts';
import { openMachineWatch } from '../../../harness/samplers/machine/index.ts';
import { missingAlertPrograms } from '../../../harness/trial/alert-watch.ts';
import { runTrial } from '../../../harness/trial/index.ts';
import { settleRoles } from '../../../infra/operations/roles.ts';
import type { Environment } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { drillNamed, unmetExpectations } from './builders.ts';

/** Time limit of a test, in ms: the time limit of the drill and the closing phase. */
const TEST_TIMEOUT_MS = 400_000;
const rehearsed = drills.filter(({ profile }) => profile === 'rehearsal').map(({ id }) => id);
const clock = openClock();
const machine = openMachineWatch();
let root: string;
let environment: Environment;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const substrate = localSubstrate({ stateDir: join(root, 'state') });
  environment = await substrate.apply(planTopology(loadEnvironment('dev')), { ephemeral: true });
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
  await environment?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const masterKeys = async () => (await environment.admin(await settleRoles(environment))).dbsize();
const states = async () => (await environment.status()).map(({ state }) => state);

async function trialOf(drill: Drill) {
  const dir = mkdtempSync(join(root, 'run-'));
  const own = { drill, trial: 1, environment, dir, machine, clock, stateDir: join(root, 'state') };
  const record = await runTrial({ ...own, seed: 1, profile: 'quick' });
  const files = record.files.map((path) => ({ path, text: readFileSync(join(dir, path), 'utf8') }));
  return { dir, record, files, ...parseHistory(files) };
}

describe('the drills of a rehearsal', () => {
  const isMissing = (id: string) => id === 'alerting' && missingAlertPrograms() !== undefined;
  const titleOf = (id: string) => (isMissing(id) ? `${id} [skipped: ${missingAlertPrograms()}]` : id);
  it.for(rehearsed.map((id) => [titleOf(id), id] as const))(
    '%s passes on a healthy environment dev',
    { timeout: TEST_TIMEOUT_MS },
    async ([, id], { skip }) => {
      skip(isMissing(id));
      const drill = drillNamed(id);
      const before = { keys: await masterKeys(), password: environment.endpoints.app.password.reveal() };
      const { record, history, files } = await trialOf(drill);
      expect({ reason: '', ...record }).toMatchObject({ reason: '', status: 'completed' });
      const place = { environment: environment.topology.environment, substrate: 'local' };
      expect(history.expectations.map(({ id: one }) => one).toSorted()).toEqual(
        requiredExpectations(drill, place).toSorted(),
      );
      expect(unmetExpectations(drill, history)).toEqual([]);
      await waitUntil('the keys of the trial to be removed', async () => (await masterKeys()) <= before.keys);
      expect(new Set(await states())).toEqual(new Set(['running']));
      expect(environment.endpoints.app.password.reveal()).toBe(before.password);
      expect(environment.passwords?.rotation()).toBeUndefined();
      for (const { text } of files) expect(text).not.toContain(before.password);
    },
  );

  it('store the log lines of structured-logs with the logs of the run', async () => {
    const { dir } = await trialOf(drillNamed('structured-logs'));
    const lines = readFileSync(join(dir, 'logs/structured-logs-1/log.jsonl'), 'utf8').trimEnd().split('\n');
    const records = lines.map(
      (line) => JSON.parse(line) as { readonly event?: string; readonly span?: string },
    );
    expect(new Set(records.map(({ event, span }) => event ?? span))).toContain('cache.fallback');
    expect(new Set(records.map(({ event, span }) => event ?? span))).toContain('cache.get');
  });

  it('are not measured without Prometheus, and the reason names the packages', async () => {
    vi.stubEnv('PATH', '/nonexistent');
    try {
      const { record } = await trialOf(drillNamed('alerting'));
      expect(record).toMatchObject({ status: 'not-measured' });
      expect(record.reason).toMatch(
        /prometheus, promtool, alertmanager, redis_exporter not found in PATH.*packages/,
      );
      // The criterion is NOT_MEASURED, and not out of scope.
      expect(record.lacks).toBeUndefined();
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
