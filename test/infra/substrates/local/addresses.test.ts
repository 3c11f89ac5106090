import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  claimBlock,
  keepBlock,
  placeNodes,
  probeAddressing,
  releaseBlock,
} from '../../../../infra/substrates/local/addresses.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { configuration, type StateDir, temporaryStateDir } from './fixtures.ts';

describe('address blocks', () => {
  let state: StateDir;
  // Environments of other tests take blocks from the same addresses, so this test uses ports that no other test uses.
  const ports = configuration('blocks', { port: 26_601 });
  const topology = planTopology({ ...ports, sentinel: { ...ports.sentinel, port: 26_701 } });
  const claim = (only?: number) =>
    claimBlock({ topology, stateDir: state.path, only, registryDir: join(state.path, 'blocks') });

  beforeEach(() => {
    state = temporaryStateDir();
  });
  afterEach(() => state[Symbol.dispose]());

  it('are never allocated twice by concurrent callers', async () => {
    const blocks = await Promise.all(Array.from({ length: 5 }, () => claim()));
    expect(blocks.map(({ number }) => number).sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('are free after their release, which only the owner may request', async () => {
    const { number } = await claim();
    const registry = join(state.path, 'blocks');
    await releaseBlock(number, '/another/checkout', 'blocks', registry);
    expect((await claim()).number).toBe(1);
    await releaseBlock(number, state.path, 'blocks', registry);
    expect((await claim()).number).toBe(0);
    await releaseBlock(0, state.path, 'blocks', join(state.path, 'no-registry'));
  });

  it('are reclaimed from dead owners and from invalid files', async () => {
    await claim();
    const registry = join(state.path, 'blocks');
    const dead = { owner: { pid: process.pid, start: '1@another' }, stateDir: state.path, environment: 'x' };
    writeFileSync(join(registry, '0.json'), JSON.stringify(dead));
    writeFileSync(join(registry, '1.json'), 'half a fi');
    expect((await claim()).number).toBe(0);
    expect((await claim()).number).toBe(1);
    expect(readdirSync(registry).sort()).toEqual(['0.json', '1.json']);
  });

  it('are rejected, with the name of the owner, if they are requested by number and are in use', async () => {
    await claim(3);
    await expect(claim(3)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `block 3 belongs to environment 'blocks' of ${state.path}`,
    });
  });

  it('are the same after the claims are lost, unless another environment claims them first', async () => {
    const registry = join(state.path, 'blocks');
    const { number } = await claim();
    rmSync(registry, { recursive: true });
    await keepBlock(number, topology, state.path, registry);
    await keepBlock(number, topology, state.path, registry);
    expect((await claim()).number).toBe(1);
    await expect(keepBlock(number, topology, '/another/checkout', registry)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
    });
  });

  it('are skipped if another process uses one of their addresses', async () => {
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(26_601, '127.80.1.2', resolve));
    expect((await claim()).number).toBe(1);
    await new Promise((resolve) => stranger.close(resolve));
  });

  it('consist of one port on many addresses, or of many ports on one address', async () => {
    const texts = (how: 'address-per-node' | 'port-per-node', block: number) =>
      [...placeNodes(topology, how, block)].map(([id, { host, port }]) => `${id} ${host}:${port}`);
    expect(texts('address-per-node', 251)).toEqual([
      'redis-1 127.81.2.1:26601',
      'redis-2 127.81.2.2:26601',
      'redis-3 127.81.2.3:26601',
      'sentinel-1 127.81.2.11:26701',
      'sentinel-2 127.81.2.12:26701',
      'sentinel-3 127.81.2.13:26701',
    ]);
    expect(texts('port-per-node', 2)).toEqual([
      'redis-1 127.0.0.1:26621',
      'redis-2 127.0.0.1:26622',
      'redis-3 127.0.0.1:26623',
      'sentinel-1 127.0.0.1:26721',
      'sentinel-2 127.0.0.1:26722',
      'sentinel-3 127.0.0.1:26723',
    ]);
    expect(await probeAddressing()).toBe(process.platform === 'linux' ? 'address-per-node' : 'port-per-node');
  });
});
