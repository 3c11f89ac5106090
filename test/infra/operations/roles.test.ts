/** Roles of real nodes, read during a failover and corrected after it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRoles, settleRoles } from '../../../infra/operations/roles.ts';
import type { Environment, NodeStatus } from '../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../infra/topology.ts';
import { waitUntil } from '../../support/redis-process.ts';
import { configuration, type StateDir, temporaryStateDir } from '../substrates/local/fixtures.ts';

let state: StateDir;
let environment: Environment;
beforeAll(async () => {
  state = temporaryStateDir();
  const config = configuration('roles');
  // The watchdog is off, because otherwise it would be the first to demote a master that has come back.
  const topology = planTopology({ ...config, sentinel: { ...config.sentinel, watchdog: false } });
  environment = await localSubstrate({ stateDir: state.path }).apply(topology, { ephemeral: true });
});
afterAll(async () => {
  await environment?.[Symbol.asyncDispose]();
  state?.[Symbol.dispose]();
});

describe('readRoles', () => {
  it('names the new master if a failover ends between two replies of its leader', async () => {
    const { address: former } = (await environment.status()).find(({ id }) => id === 'redis-2') as NodeStatus;
    let replies = 0;
    // A real failover ends between two replies in about one of 20 switchovers, so the first reply is a fixed one.
    const leader = new Proxy(await environment.admin('sentinel-1'), {
      get(target, name) {
        if (name !== 'call') return Reflect.get(target, name, target);
        return async (...command: [string, ...string[]]) => {
          replies += 1;
          if (replies > 1) return target.call(...command);
          const { host, port } = former;
          return [
            'ip',
            host,
            'port',
            String(port),
            'config-epoch',
            '1',
            'flags',
            'master,failover_in_progress',
          ];
        };
      },
    });
    const state = await readRoles({
      topology: environment.topology,
      status: () => environment.status(),
      admin: async (id) => (id === 'sentinel-1' ? leader : environment.admin(id)),
    });
    expect(state).toEqual({ kind: 'stable', master: 'redis-1' });
    expect(replies).toBe(3);
  });
});

describe('settleRoles', () => {
  it('returns the master of a healthy environment immediately, without output', async () => {
    const said: string[] = [];
    expect(await settleRoles(environment, { progress: (line) => said.push(line) })).toBe('redis-1');
    expect(said).toEqual([]);
  });

  it('turns a master that returns after a failover into a replica of the new master, and reports it', async () => {
    const heal = await environment.capabilities.pause?.('redis-1');
    await waitUntil('a failover', async () => {
      const { kind } = await readRoles(environment);
      return kind === 'stable';
    });
    await heal?.();
    await waitUntil('the return of the deposed master', async () => {
      const returned = await readRoles(environment);
      return returned.kind === 'deposed-master' && returned.deposed.join() === 'redis-1';
    });
    const said: string[] = [];
    const master = await settleRoles(environment, { progress: (line) => said.push(line) });
    expect(master).not.toBe('redis-1');
    expect(said).toContain(`redis-1 was master before the failover; it now replicates from ${master}`);
    const info = await (await environment.admin('redis-1')).info('replication');
    expect(info).toContain('role:slave');
  });

  it('reports the expected and the actual state on timeout', async () => {
    const master = await settleRoles(environment);
    for (const { id } of environment.topology.sentinels) await environment.capabilities.kill?.(id);
    await expect(settleRoles(environment, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'ROLES_UNSETTLED',
      message: expect.stringMatching(
        new RegExp(
          `300 ms waiting for .* one master.*: ${master} reports master; only 0 of 3 sentinels reply`,
        ),
      ),
      hint: expect.stringContaining('runbook'),
    });
  });
});
