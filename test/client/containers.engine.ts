/**
 * The client against Redis in containers (testcontainers): a single node, and a master with a replica and three
 * sentinels.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisCache, sentinelCache } from '../../client/index.ts';
import { imagesFile } from '../../infra/substrates/docker/images.ts';
import { describeOnEngine } from '../infra/substrates/docker/fixtures.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { waitUntil } from '../support/redis-process.ts';

const HOST = '127.0.0.1';
const started: StartedTestContainer[] = [];

/**
 * Starts a container on the host network, on ports below the ephemeral range. Every node announces an address that this
 * host can reach.
 */
async function run(script: string, ready: RegExp): Promise<StartedTestContainer> {
  const image: string = JSON.parse(readFileSync(imagesFile(resolve('.kit')), 'utf8')).redis;
  const container = await new GenericContainer(image)
    .withNetworkMode('host')
    .withEntrypoint(['sh', '-c'])
    .withCommand([script])
    .withWaitStrategy(Wait.forLogMessage(ready))
    .start();
  started.push(container);
  return container;
}

const redis = (port: number, more = '') =>
  run(
    `exec redis-server --bind ${HOST} --port ${port} --save '' --dir /tmp ${more}`,
    /Ready to accept connections/,
  );

async function sentinel(port: number, master: number): Promise<StartedTestContainer> {
  const conf = [
    `bind ${HOST}`,
    `port ${port}`,
    'dir /tmp',
    `sentinel monitor mymaster ${HOST} ${master} 2`,
    'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 5000',
  ];
  const script = `printf '%s\\n' ${conf.map((line) => `'${line}'`).join(' ')} > /tmp/s.conf; exec redis-server /tmp/s.conf --sentinel`;
  return await run(script, /\+monitor master mymaster/);
}

describeOnEngine(
  'the client on containers',
  () => {
    afterAll(async () => {
      await Promise.all(started.map((container) => container.stop({ timeout: 1_000 })));
    });

    it('a cache sets, gets, computes and deletes on a single Redis', async () => {
      const port = 29_201;
      await redis(port);
      const cache = redisCache({ address: { host: HOST, port }, ...PATIENT_LIMITS });
      expect(await cache.set('a', { n: 1 })).toMatchObject({ source: 'redis' });
      expect(await cache.get('a')).toEqual({ n: 1 });
      expect(await cache.getOrCompute('b', () => 'made')).toBe('made');
      expect(await cache.delete('a')).toBe(1);
      expect(await cache.get('a')).toBeUndefined();
      await cache.close();
    });

    it('a cache serves from memory while its Redis is stopped', async () => {
      const port = 29_202;
      const container = await redis(port);
      const cache = redisCache({ address: { host: HOST, port }, commandTimeoutMs: 500 });
      await waitUntil('a set on Redis', async () => (await cache.set('kept', 'value')).source === 'redis');
      await container.stop({ timeout: 1_000 });
      started.splice(started.indexOf(container), 1);
      expect(await cache.getOrComputeEntry('other', () => 'made')).toMatchObject({ value: 'made' });
      expect((await cache.set('later', 1)).source).not.toBe('redis');
      await cache.close();
    });

    describe('a cache over sentinels', () => {
      let master: StartedTestContainer;
      let sentinels: readonly number[];

      beforeAll(async () => {
        const [first, second, ...rest] = [29_210, 29_211, 29_212, 29_213, 29_214] as const;
        master = await redis(first);
        await redis(second, `--replicaof ${HOST} ${first}`);
        sentinels = rest;
        for (const port of rest) await sentinel(port, first);
      });

      it('follows a failover', async () => {
        const cache = sentinelCache({ sentinels: sentinels.map((port) => ({ host: HOST, port })) });
        const durability = { replicas: 1, timeoutMs: 2_000 };
        await waitUntil(
          'the replica to be in sync: it confirms a write',
          () =>
            cache.set('before', 1, { durability }).then(
              () => true,
              () => false,
            ),
          40_000,
        );
        // No election is possible until all sentinels have discovered each other and the replica.
        await waitUntil(
          'the sentinels to discover all nodes',
          async () => {
            const known = await Promise.all(
              sentinels.map((port) =>
                master.exec(['redis-cli', '-p', String(port), 'sentinel', 'master', 'mymaster']),
              ),
            );
            return known.every(
              ({ output }) => /num-slaves\n1\n/.test(output) && /num-other-sentinels\n2\n/.test(output),
            );
          },
          30_000,
        );
        await master.stop({ timeout: 1_000 });
        started.splice(started.indexOf(master), 1);
        await waitUntil(
          'a write to the new master',
          async () => (await cache.set('after', 2)).source === 'redis',
          40_000,
        );
        await waitUntil('both values', async () =>
          isDeepStrictEqual([await cache.get('before'), await cache.get('after')], [1, 2]),
        );
        await cache.close();
      });
    });
  },
  'engine',
);
