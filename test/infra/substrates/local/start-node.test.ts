/**
 * Starts nodes when no running node can report a role, and starts a kept environment whose processes have all ended.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { nodesOf, planTopology } from '../../../../infra/topology.ts';
import { replicated, waitUntil } from '../../../support/redis-process.ts';
import { configuration, type StateDir, singleConfiguration, temporaryStateDir } from './fixtures.ts';

describe('restarting nodes', () => {
  let state: StateDir;
  let environment: Environment;
  // Writes reach the disk before they are acknowledged; otherwise a replica could have more data than the killed
  // master.
  const back = configuration('back', { appendfsync: 'always' });
  // The sentinels start before the nodes, which takes a while on a busy machine.
  const topology = planTopology({ ...back, sentinel: { ...back.sentinel, downAfterMs: 10_000 } });

  beforeEach(async () => {
    state = temporaryStateDir();
    environment = await localSubstrate({ stateDir: state.path }).apply(topology, { ephemeral: false });
    await (await environment.admin('redis-1')).set('kept', 'yes');
    await replicated(await environment.admin('redis-1'), 2);
  });
  afterEach(async () => {
    await environment[Symbol.asyncDispose]();
    await localSubstrate({ stateDir: state.path }).destroy('back');
    state[Symbol.dispose]();
  });

  it('keeps the same master with its data if all nodes restart, sentinels first', async () => {
    await killAll();
    for (const { id } of topology.sentinels) await environment.capabilities.start?.(id);
    for (const { id } of topology.redis) await environment.capabilities.start?.(id);
    await oneMasterWithData('redis-1');
  });

  it('follows the stored state of the sentinels after a failover if all nodes restart, Redis first', async () => {
    await environment.capabilities.kill?.('redis-1');
    let successor = '';
    await waitUntil('a failover', async () => {
      successor = (await environment.masterId()) ?? '';
      return successor !== '';
    });
    const { host } = (await environment.status()).find(({ id }) => id === successor)?.address ?? { host: '' };
    await waitUntil('all sentinels to report the new master', async () =>
      (await namedBySentinels()).every((named) => named.startsWith(`${host},`)),
    );
    await killAll();
    for (const { id } of nodesOf(topology)) await environment.capabilities.start?.(id);
    await oneMasterWithData(successor);
  });

  it('also works by applying the environment again', async () => {
    await killAll();
    expect((await environment.status()).every(({ state }) => state === 'stopped')).toBe(true);
    await using again = await localSubstrate({ stateDir: state.path }).apply(topology, { ephemeral: false });
    expect((await again.status()).every(({ state }) => state === 'running')).toBe(true);
    await oneMasterWithData('redis-1');
  });

  it('also works by applying the environment again if a node is paused', async () => {
    await environment.capabilities.pause?.('redis-2');
    await using again = await localSubstrate({ stateDir: state.path }).apply(topology, { ephemeral: false });
    await waitUntil(
      'redis-2 to answer',
      async () => (await (await again.admin('redis-2')).ping()) === 'PONG',
    );
  });

  it('refuses to start a master with an empty disk while other nodes have the data', async () => {
    await killAll();
    rmSync(join(state.path, 'environments', 'back', 'redis-1', 'data'), { recursive: true });
    await expect(environment.capabilities.start?.('redis-1')).rejects.toMatchObject({
      code: 'STALE_MASTER',
      message: 'redis-1 does not start as master: the last known master is redis-1; redis-1 has no data',
      hint: expect.stringContaining('kit recover --env back'),
    });
    for (const id of ['redis-2', 'redis-3', 'sentinel-1', 'sentinel-2', 'sentinel-3']) {
      await environment.capabilities.start?.(id);
    }
    await environment.capabilities.start?.('redis-1');
    await waitUntil(
      'redis-1 to have the data',
      async () => (await (await environment.admin('redis-1')).get('kept')) === 'yes',
    );
    expect(await environment.masterId()).not.toBe('redis-1');
  });

  it('is an error for a running or unknown node', async () => {
    await expect(environment.capabilities.start?.('redis-1')).rejects.toMatchObject({ code: 'NODE_RUNNING' });
    await expect(environment.capabilities.start?.('redis-9')).rejects.toThrow("no node 'redis-9'");
  });

  async function killAll(): Promise<void> {
    for (const { id, state: now } of await environment.status()) {
      if (now !== 'stopped') await environment.capabilities.kill?.(id);
    }
  }

  async function namedBySentinels(): Promise<readonly string[]> {
    const named = topology.sentinels.map(async ({ id }) =>
      String(await (await environment.admin(id)).call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')),
    );
    return Promise.all(named);
  }

  async function oneMasterWithData(id: string): Promise<void> {
    await waitUntil(`${id} as the only master`, async () => (await environment.masterId()) === id);
    for (const node of topology.redis) {
      await waitUntil(`${node.id} to have the data`, async () => {
        return (await (await environment.admin(node.id)).get('kept')) === 'yes';
      });
    }
  }
});

describe('a single Redis', () => {
  it('restarts with its data', async () => {
    using state = temporaryStateDir();
    await using environment = await localSubstrate({ stateDir: state.path }).apply(
      // The write reaches the disk before it is acknowledged.
      planTopology(singleConfiguration('alone', { appendfsync: 'always' })),
      { ephemeral: true },
    );
    await (await environment.admin('redis-1')).set('kept', 'yes');
    await environment.capabilities.kill?.('redis-1');
    expect(await environment.masterId()).toBeUndefined();
    await environment.capabilities.start?.('redis-1');
    expect(await (await environment.admin('redis-1')).get('kept')).toBe('yes');
    expect(environment.endpoints.mode).toBe('standalone');
  });
});
