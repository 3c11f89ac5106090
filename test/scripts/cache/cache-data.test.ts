/** Command connections to the data of an environment, an external Redis or an external cluster. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import { keySlot } from '../../../infra/redis/cluster-slots.ts';
import { openCacheData } from '../../../scripts/cache/cache-data.ts';
import type { DataOptions } from '../../../scripts/cache/data-options.ts';
import { type ClusterSet, startCluster } from '../../support/cluster.ts';
import { callKit } from '../../support/kit-call.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const DEV = { env: 'dev', set: {} };
const dir = mkdtempSync(join(tmpdir(), 'kit-data-'));
let redis: RedisProcess;
let cluster: ClusterSet;
beforeAll(async () => {
  process.env.KIT_STATE_DIR = join(dir, '.kit');
  [redis, cluster] = await Promise.all([RedisProcess.start({ password: 'data-secret' }), startCluster()]);
});
afterAll(async () => {
  await Promise.all([redis[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]);
  rmSync(dir, { recursive: true });
});

const at = ({ address: { host, port } }: RedisProcess): string => `${host}:${port}`;
const standalone = (more: Partial<DataOptions> = {}): DataOptions => ({
  ...DEV,
  url: `redis://:data-secret@${at(redis)}`,
  ...more,
});

describe('data of an external Redis', () => {
  it('has one master, which owns every key', async () => {
    await using data = await openCacheData(standalone());
    const [master, ...others] = await data.masters();
    expect(others).toEqual([]);
    expect(master).toMatchObject({ id: 'redis-1', address: redis.address, slots: [[0, 16_383]] });
    expect(await master?.redis.ping()).toBe('PONG');
  });

  it("is in the database given by --db, for commands and for the client's cache", async () => {
    await using data = await openCacheData(standalone({ db: 2, namespace: 'second' }));
    const cache = data.openCache();
    await cache.set('key', 1);
    await cache.close();
    const [master] = await data.masters();
    expect(await master?.redis.call('EXISTS', 'second:key')).toBe(1);
    expect(await redis.admin().exists('second:key')).toBe(0);
  });

  it('writes nothing to the server when it is opened', async () => {
    await using data = await openCacheData(standalone());
    await data.masters();
    // These are commands that the preflight of a run sends.
    expect(await redis.admin().info('commandstats')).not.toMatch(/cmdstat_(unlink|watch|exec)/);
  });
});

describe('data of an external cluster', () => {
  const options = (): DataOptions => ({ ...DEV, cluster: at(cluster.nodes[4] as RedisProcess) });

  it('is on all masters, which are found through a replica', async () => {
    await using data = await openCacheData(options());
    const masters = await data.masters();
    expect(masters.map(({ address }) => address)).toEqual(
      cluster.nodes.slice(0, 3).map(({ address }) => address),
    );
  });

  it('has a master for each key, including keys that are not valid UTF-8', async () => {
    await using data = await openCacheData(options());
    for (const key of ['a', 'b', '{tag}:c', Buffer.from([0xff, 0x00, 0xfe])]) {
      const { redis: owner } = await data.masterOf(key);
      expect(await owner.call('CLUSTER', 'KEYSLOT', key)).toBe(keySlot(key));
      expect(await owner.call('SET', key, 'value')).toBe('OK');
    }
  });

  it('has no database other than 0', async () => {
    await expect(openCacheData({ ...options(), db: 2 })).rejects.toMatchObject({
      message: 'a cluster has only database 0, got 2',
    });
  });
});

describe('data of an environment that is not running', () => {
  it('causes an error that names the command to start the environment', async () => {
    await expect(openCacheData({ ...DEV, substrate: 'local' })).rejects.toMatchObject({
      code: 'ENVIRONMENT_NOT_FOUND',
      exitCode: EXIT.NO_GO,
      hint: 'run kit up --env dev to start it',
    });
  });

  it('causes the same error for a switchover', async () => {
    const { exitCode, err } = await callKit('switchover', '--substrate', 'local');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(err).toContain("environment 'dev' is not running");
  });
});

it('the local substrate cannot be combined with the address of an external Redis', async () => {
  await expect(openCacheData(standalone({ substrate: 'local' }))).rejects.toMatchObject({
    message: '--url requires --substrate external, got local',
  });
});
