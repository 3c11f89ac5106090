/**
 * The commands run against a master that cannot save, as when its disk is full: the master refuses writes and PING, but
 * still serves reads.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { type CacheData, openCacheData } from '../../scripts/cache/cache-data.ts';
import type { CacheStatistics } from '../../scripts/cache/cache-statistics.ts';
import type { TopView } from '../../scripts/cache/node-view.ts';
import type { EnvironmentView } from '../../scripts/environment-view.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { callKit } from '../support/kit-call.ts';
import { waitUntil } from '../support/redis-process.ts';

const cli = new CliHarness();
const env = cli.writeEnvironment('full', { 'client.namespace': 'shop' }, 'single');
let data: CacheData | undefined;
let obstacle: string | undefined;

const on = (command: string, ...args: string[]) => callKit(command, '--env', env, '--json', ...args);

beforeAll(async () => {
  vi.stubEnv('KIT_STATE_DIR', join(cli.path, '.kit'));
  const { exitCode, err } = await on('up');
  expect(exitCode, err).toBe(EXIT.GO);
  data = await openCacheData({ env, set: {} });
  const [master] = await data.masters();
  if (master === undefined) throw new Error('there is no master');
  const { redis } = master;
  for (let i = 0; i < 20; i += 1) await redis.set(`shop:doc:${i}`, 'value');
  await redis.get('shop:doc:1');
  const [, dir = ''] = (await redis.config('GET', 'dir')) as string[];
  // A directory occupies the file name of the snapshot, so the server cannot replace the snapshot.
  obstacle = join(dir, 'dump.rdb');
  rmSync(obstacle, { force: true });
  mkdirSync(obstacle);
  await redis.bgsave();
  const refusal = () =>
    redis.ping().then(
      () => '',
      (error: Error) => error.message,
    );
  await waitUntil('the master to refuse PING', async () => (await refusal()).startsWith('MISCONF'));
});

afterAll(async () => {
  // A server that cannot save refuses to shut down.
  if (obstacle !== undefined) rmSync(obstacle, { recursive: true });
  await data?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
  await cli[Symbol.asyncDispose]();
});

describe('with a master that replies MISCONF to PING', () => {
  it('kit status reports the node as reachable, and as the master', async () => {
    const { out } = await on('status');
    const view = JSON.parse(out) as EnvironmentView;
    expect(view).toMatchObject({ master: 'redis-1', healthy: true });
    expect(view.nodes).toMatchObject([{ id: 'redis-1', state: 'running', server: expect.any(String) }]);
  });

  it('kit incident collects the data of the node', async () => {
    const folder = join(cli.path, 'post-mortem');
    const { exitCode, out, err } = await on('incident', '--to', folder);
    expect(exitCode, err).toBe(EXIT.GO);
    expect(JSON.parse(out).missing).toEqual(['metrics: observability.prometheus is false']);
    expect(readFileSync(join(folder, 'nodes/redis-1/configuration.json'), 'utf8')).toContain('maxmemory');
  });

  it('kit cache-stats, top and savings read from the node', async () => {
    const { keys } = JSON.parse((await on('cache-stats')).out) as CacheStatistics;
    expect(keys).toMatchObject({ total: 20, complete: true });
    const { nodes } = JSON.parse((await on('top')).out) as TopView;
    expect(nodes).toMatchObject([{ id: 'redis-1', role: 'master', state: 'running' }]);
    const savings = await on('savings', '--load-ms', '150');
    expect(savings.exitCode, savings.err).toBe(EXIT.GO);
    expect(JSON.parse(savings.out)).toMatchObject({ loadMs: 150, readMs: expect.any(Number) });
  });
});
