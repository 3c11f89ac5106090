/** No process is left behind, however the owner of an environment ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../../../infra/host/process-identity.ts';
import {
  type Ledger,
  ledgerPath,
  readLedger,
  updateLedger,
} from '../../../../infra/substrates/local/ledger.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { configuration, type StateDir, temporaryStateDir } from './fixtures.ts';

const NAME = 'crash';

describe('an environment that a process owns', () => {
  let state: StateDir;
  beforeEach(() => {
    state = temporaryStateDir();
  });
  afterEach(async () => {
    await localSubstrate({ stateDir: state.path }).destroy(NAME);
    state[Symbol.dispose]();
  });

  it('is stopped by its reaper when the owner is killed with SIGKILL', async () => {
    const owner = await start('hang', 'up');
    const ledger = recorded();
    owner.kill('SIGKILL');
    await nothingLeft(ledger);
  });

  it('is stopped when the owner exits with an uncaught error', async () => {
    const owner = await start('throw', 'up');
    await waitUntil('the owner to end', () => owner.exitCode !== null);
    expect(owner.exitCode).toBe(1);
    await waitUntil('the environment to be gone', () => !existsSync(join(state.path, 'environments', NAME)));
  });

  it('is stopped when the owner is killed during the start, even if the environment is to be kept', async () => {
    const owner = await start('hang-while-starting', 'half');
    const ledger = recorded();
    expect(ledger.phase).toBe('starting');
    owner.kill('SIGKILL');
    await nothingLeft(ledger);
  });

  it('is stopped by the next start if both the owner and the reaper were killed', async () => {
    const owner = await start('hang', 'up');
    const ledger = recorded();
    process.kill(ledger.reaper?.pid as number, 'SIGKILL');
    owner.kill('SIGKILL');
    await waitUntil('the owner to end', () => owner.signalCode !== null);
    expect((await aliveOf(ledger)).length).toBe(7);
    const lines: string[] = [];
    await using environment = await localSubstrate({ stateDir: state.path }).apply(
      planTopology(configuration('other')),
      { ephemeral: true, progress: (line) => lines.push(line) },
    );
    expect(await environment.masterId()).toBe('redis-1');
    expect(lines[0]).toBe(`cleaned up '${NAME}' after a run that did not finish`);
    await nothingLeft(ledger);
  });

  it('is stopped by destroy if both the owner and the reaper were killed, including paused nodes', async () => {
    const owner = await start('hang', 'up');
    const ledger = recorded();
    process.kill(ledger.reaper?.pid as number, 'SIGKILL');
    owner.kill('SIGKILL');
    await waitUntil('the owner to end', () => owner.signalCode !== null);
    process.kill(ledger.processes['redis-2']?.pid as number, 'SIGSTOP');
    const report = await localSubstrate({ stateDir: state.path }).destroy(NAME);
    expect(report.ended).toHaveLength(6);
    await nothingLeft(ledger);
  });

  it('is stopped by destroy, including a node that was spawned but not yet recorded', async () => {
    const owner = await start('hang', 'up');
    const ledger = recorded();
    process.kill(ledger.reaper?.pid as number, 'SIGKILL');
    owner.kill('SIGKILL');
    await waitUntil('the owner to end', () => owner.signalCode !== null);
    const { 'sentinel-1': forgotten, ...processes } = ledger.processes;
    expect(forgotten).toBeDefined();
    updateLedger(state.path, NAME, (current) => ({ ...current, processes }));
    await localSubstrate({ stateDir: state.path }).destroy(NAME);
    await nothingLeft(ledger);
  });

  it('is unavailable to another process while the owner runs', async () => {
    const owner = await start('hang', 'up');
    await expect(
      localSubstrate({ stateDir: state.path }).apply(planTopology(configuration(NAME)), { ephemeral: true }),
    ).rejects.toMatchObject({
      code: 'ENVIRONMENT_BUSY',
      message: expect.stringContaining(String(owner.pid)),
    });
    const ledger = recorded();
    expect((await aliveOf(ledger)).length).toBe(7);
    owner.kill('SIGKILL');
    await nothingLeft(ledger);
  });

  async function start(then: string, awaited: string): Promise<ChildProcess> {
    const owner = spawn(
      process.execPath,
      [join(import.meta.dirname, 'owner-process.ts'), state.path, NAME, then],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let said = '';
    owner.stdout.on('data', (data) => {
      said += data;
    });
    owner.stderr.on('data', (data) => {
      said += data;
    });
    await waitUntil(`the owner to print '${awaited}', it printed: ${said}`, () => said.includes(awaited));
    return owner;
  }

  function recorded(): Ledger {
    const ledger = readLedger(ledgerPath(state.path, NAME));
    if (ledger === undefined) throw new Error('the environment must have a ledger');
    return ledger;
  }

  async function aliveOf(ledger: Ledger): Promise<readonly string[]> {
    const alive = await Promise.all(
      Object.entries(ledger.processes).map(async ([id, identity]) => ((await isAlive(identity)) ? id : '')),
    );
    return alive.filter((id) => id !== '');
  }

  async function nothingLeft(ledger: Ledger): Promise<void> {
    await waitUntil('every process to be gone', async () => (await aliveOf(ledger)).length === 0);
    await waitUntil(
      'the environment files to be gone',
      () => !existsSync(join(state.path, 'environments', NAME)),
    );
    const { reaper } = ledger;
    await waitUntil('the reaper to be gone', async () => reaper === undefined || !(await isAlive(reaper)));
  }
});
