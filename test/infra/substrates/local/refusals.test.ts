/** A start that cannot succeed leads to one clear error, and leaves neither a running process nor a file behind. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import type { LocalSubstrateOptions } from '../../../../infra/substrates/local/options.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import {
  configuration,
  listPidsBelow,
  type StateDir,
  singleConfiguration,
  temporaryStateDir,
} from './fixtures.ts';

describe('starting an environment', () => {
  let state: StateDir;
  beforeEach(() => {
    state = temporaryStateDir();
  });
  afterEach(() => state[Symbol.dispose]());

  it('names the port in use if the caller selected the block', async () => {
    await using _stranger = await listenOn('127.87.250.1', 26_300);
    await refused(
      configuration('taken'),
      { addressBlock: 1_999 },
      {
        code: 'ADDRESS_IN_USE',
        message: '127.87.250.1:26300 is in use by another program',
      },
    );
  });

  it('uses the next block instead if the kit selects the block', async () => {
    await using _stranger = await listenOn('127.80.1.1', 26_501);
    await using environment = await localSubstrate({ stateDir: state.path }).apply(
      planTopology(singleConfiguration('next-block', { port: 26_501 })),
      { ephemeral: true },
    );
    expect(environment.endpoints.redis[0]?.host).not.toBe('127.80.1.1');
  });

  it('reports a port that is in use on all addresses', async () => {
    await using _stranger = await listenOn('0.0.0.0', 26_502);
    await refused(
      configuration('everywhere', { port: 26_502 }),
      {},
      {
        code: 'ADDRESS_IN_USE',
        message: expect.stringMatching(/^ports 26502 and 26400 are in use on every loopback address/),
        hint: expect.stringContaining('ss -ltnp'),
      },
    );
  });

  it('rejects a Redis older than 7.0, with its version and path', async () => {
    const old = program('echo "Redis server v=6.2.14 sha=00000000:0 malloc=libc bits=64 build=0"');
    await refused(
      configuration('old'),
      { redisServer: old },
      {
        code: 'REDIS_TOO_OLD',
        message: 'is Redis 6.2.14; needed: Redis 7.0 or newer, or Valkey 8.0 or newer',
        where: old,
      },
    );
  });

  it('rejects a program that is not a redis-server, and a missing path', async () => {
    const other = program('echo "some other server 1.0"');
    await refused(configuration('other'), { redisServer: other }, { code: 'REDIS_UNUSABLE', where: other });
    await refused(
      configuration('none'),
      { redisServer: '/nonexistent/redis-server' },
      {
        code: 'REDIS_NOT_FOUND',
        message: "'/nonexistent/redis-server' does not exist",
      },
    );
  });

  it('shows the last output of a node that exits during its start', async () => {
    const broken = singleConfiguration('dies', { extra: { 'proc-title-template': '{no-such-variable}' } });
    await refused(
      broken,
      {},
      {
        code: 'NODE_DIED',
        message: expect.stringMatching(
          /^redis-1 exited before it replied; last lines of .*\n[\s\S]*proc-title-template/,
        ),
      },
    );
  });

  it('stops the started nodes on abort', async () => {
    const stop = new AbortController();
    const substrate = localSubstrate({ stateDir: state.path });
    const applying = substrate.apply(planTopology(configuration('stopped')), {
      ephemeral: true,
      signal: stop.signal,
      progress: (line) => {
        if (line.startsWith('starting sentinel')) stop.abort(new Error('told to stop'));
      },
    });
    await expect(applying).rejects.toThrow('told to stop');
    nothingLeft();
  });

  it('rejects an invalid state directory', async () => {
    writeFileSync(join(state.path, 'file'), '');
    const stateDir = join(state.path, 'file');
    await expect(
      localSubstrate({ stateDir }).apply(planTopology(configuration('file')), { ephemeral: true }),
    ).rejects.toMatchObject({ code: 'STATE_UNWRITABLE', where: expect.stringContaining(stateDir) });
  });

  it('rejects a name that leads out of the state directory', async () => {
    await expect(localSubstrate({ stateDir: state.path }).destroy('../..')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  // Only root can mount a small disk and fill it.
  it.runIf(userInfo().uid === 0)('rejects a full disk before any process runs', async () => {
    const disk = join(state.path, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
    try {
      await expect(
        localSubstrate({ stateDir: disk }).apply(planTopology(configuration('full')), { ephemeral: true }),
      ).rejects.toMatchObject({ code: 'DISK_FULL', exitCode: 3, where: disk });
      expect(existsSync(join(disk, 'environments', 'full'))).toBe(false);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  async function refused(
    wanted: EnvironmentConfig,
    options: LocalSubstrateOptions,
    error: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const substrate = localSubstrate({ stateDir: state.path, ...options });
    await expect(substrate.apply(planTopology(wanted), { ephemeral: true })).rejects.toMatchObject({
      name: 'KitError',
      ...error,
    });
    nothingLeft();
  }

  function nothingLeft(): void {
    expect(readdirSync(join(state.path, 'environments'))).toEqual([]);
    expect(listPidsBelow(state.path)).toEqual([]);
  }

  function program(script: string): string {
    const path = join(state.path, 'redis-server');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  }
});

async function listenOn(host: string, port: number): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}
