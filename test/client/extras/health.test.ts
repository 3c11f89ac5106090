/**
 * healthCheck against a healthy Redis, a restricted one, a full one and an unreachable one, against a sentinel set, and
 * against a cluster with one node.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { healthCheck, healthHandler } from '../../../client/extras/health.ts';
import { memoryCache, redisCache, sentinelCache } from '../../../client/index.ts';
import { endAfterEachTest } from '../../support/end-after-test.ts';
import { RedisProcess, startSentinelSet, waitUntil } from '../../support/redis-process.ts';

const { closeAfterTest, ends } = endAfterEachTest();

async function started(conf: readonly string[] = []): Promise<RedisProcess> {
  const redis = await RedisProcess.start({ conf });
  ends.push(() => redis[Symbol.asyncDispose]());
  return redis;
}
describe('the health of a cache', () => {
  it('is healthy, with figures, when nothing is wrong', async () => {
    const { address } = await started(['maxmemory 100mb']);
    const health = await healthCheck(closeAfterTest(redisCache({ address })));
    expect(health).toMatchObject({
      status: 'healthy',
      checks: {
        connectivity: { status: 'pass', master: address },
        memory: { status: 'pass', maxBytes: 104_857_600 },
        circuitBreaker: { status: 'pass', state: 'closed' },
        replication: { status: 'pass', role: 'master', replicas: 0 },
        sentinel: { status: 'unknown', reason: 'no sentinels are configured' },
        cluster: { status: 'unknown', reason: 'not a cluster' },
      },
    });
    expect(health.checks.connectivity.responseTimeMs).toBeGreaterThan(0);
    expect(health.checks.memory.usageRatio).toBeGreaterThan(0);
    expect(health.checks.memory.usageRatio).toBeLessThan(0.8);
    expect(new Date(health.timestamp).toISOString()).toBe(health.timestamp);
  });

  it('reports unknown figures and stays healthy when the user lacks permission', async () => {
    const { address } = await started(['user shy on >secret ~* &* +@all -info']);
    const health = await healthCheck(
      closeAfterTest(redisCache({ address, username: 'shy', password: 'secret' })),
    );
    const denied = { status: 'unknown', reason: 'the command is denied or not available' };
    expect(health).toMatchObject({ status: 'healthy', checks: { memory: denied, replication: denied } });
  });

  it('is degraded when memory is nearly full or replicas are missing', async () => {
    const { address } = await started(['maxmemory 100mb']);
    const cache = closeAfterTest(redisCache({ address }));
    const health = await healthCheck(cache, { memoryWarnRatio: 0.000_1, minReplicas: 2 });
    expect(health).toMatchObject({
      status: 'degraded',
      checks: {
        memory: { status: 'warn', reason: 'at or above 0.0001 of maxmemory' },
        replication: { status: 'warn', reason: '0 of 2 replicas are connected' },
      },
    });
  });

  it('omits the memory ratio when memory has no limit', async () => {
    const { address } = await started();
    const { memory } = (await healthCheck(closeAfterTest(redisCache({ address })))).checks;
    expect(memory.status).toBe('pass');
    expect(memory).not.toHaveProperty('usageRatio');
  });

  it('detects a replica that has lost its master', async () => {
    const redis = await started(['replicaof 127.61.0.9 1']);
    const health = await healthCheck(closeAfterTest(redisCache({ address: redis.address })));
    expect(health.checks.replication).toMatchObject({ status: 'fail', role: 'slave' });
  });

  it('is unhealthy without Redis, or degraded if so configured, and the endpoint returns that status', async () => {
    const redis = await started();
    const cache = closeAfterTest(
      redisCache({ address: redis.address, commandTimeoutMs: 100, breaker: { threshold: 1 } }),
    );
    const server = createServer(healthHandler(cache, { timeoutMs: 500 }));
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const well = await fetch(url);
    expect([well.status, ((await well.json()) as { status: string }).status]).toEqual([200, 'healthy']);
    await redis.kill();
    await waitUntil('the breaker is open', async () => {
      await cache.get('k');
      return cache.stats().breaker.kind === 'open';
    });
    const ill = await fetch(url);
    expect(ill.status).toBe(503);
    expect(await ill.json()).toMatchObject({
      status: 'unhealthy',
      checks: {
        connectivity: { status: 'fail' },
        memory: { status: 'unknown', reason: 'Redis does not reply' },
        circuitBreaker: { status: 'fail', state: 'open' },
      },
    });
    expect((await healthCheck(cache, { redisRequired: false })).status).toBe('degraded');
  });

  it('is returned within its timeout while Redis hangs', async () => {
    const redis = await started();
    const cache = closeAfterTest(redisCache({ address: redis.address, commandTimeoutMs: 5000 }));
    await cache.ping();
    redis.pause();
    const startedAt = performance.now();
    const health = await healthCheck(cache, { timeoutMs: 200 });
    expect(health.status).toBe('unhealthy');
    expect(performance.now() - startedAt).toBeLessThan(3000);
    redis.resume();
  });

  it('is healthy without Redis when Redis is disabled', async () => {
    const health = await healthCheck(closeAfterTest(memoryCache()));
    expect(health.status).toBe('healthy');
    expect(health.checks.connectivity).toEqual({
      status: 'unknown',
      reason: 'a memory cache does not use Redis',
    });
  });

  it('reports the state of a cluster', async () => {
    const redis = await started(['cluster-enabled yes']);
    const cache = closeAfterTest(redisCache({ address: redis.address }));
    const down = await healthCheck(cache);
    expect(down).toMatchObject({ status: 'degraded', checks: { cluster: { status: 'fail', slotsOk: 0 } } });
    await redis.admin().call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await waitUntil(
      'the cluster is up',
      async () => (await healthCheck(cache)).checks.cluster.state === 'ok',
    );
    expect((await healthCheck(cache)).checks.cluster).toMatchObject({
      status: 'pass',
      slotsOk: 16_384,
      nodes: 1,
    });
  });

  it('counts sentinels and replicas, and detects when a failover is no longer possible', async () => {
    const set = await startSentinelSet();
    ends.push(async () => set[Symbol.asyncDispose]());
    const cache = closeAfterTest(sentinelCache({ sentinels: set.sentinels.map(({ address }) => address) }));
    await waitUntil(
      'all sentinels have answered',
      async () => (await healthCheck(cache)).checks.sentinel.status === 'pass',
    );
    const { checks } = await healthCheck(cache, { minReplicas: 2 });
    expect(checks.sentinel).toEqual({ status: 'pass', configured: 3, answering: 3, agreeing: 3 });
    expect(checks.replication).toMatchObject({ status: 'pass', role: 'master', replicas: 2 });
    expect(checks.replication.lagBytes).toBeGreaterThanOrEqual(0);
    for (const sentinel of set.sentinels.slice(0, 2)) await sentinel.kill();
    await waitUntil(
      'two sentinels are reported as unreachable',
      async () => (await healthCheck(cache)).checks.sentinel.status === 'fail',
      15_000,
    );
    expect((await healthCheck(cache)).checks.sentinel).toMatchObject({
      answering: 1,
      reason: expect.stringMatching(/no failover/),
    });
  });
});
