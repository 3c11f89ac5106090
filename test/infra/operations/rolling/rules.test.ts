/** The pure rules of a rolling change: order, limits, versions, and the rewritten file of a sentinel. */
import { describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../../../config/load.ts';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import { interruptions, notRolling } from '../../../../infra/operations/rolling/limits.ts';
import { rollingSteps } from '../../../../infra/operations/rolling/order.ts';
import { trustProblem } from '../../../../infra/operations/rolling/trust.ts';
import { renewSentinelConf } from '../../../../infra/redis/conf/sentinel-conf.ts';
import { rdbVersionFor, versionProblem } from '../../../../infra/redis/rdb-version.ts';
import type { ServerVersion } from '../../../../infra/redis/server-version.ts';

const redis = (version: string): ServerVersion => ({ family: 'redis', version });
const valkey = (version: string): ServerVersion => ({ family: 'valkey', version });

describe('the order of a rolling change', () => {
  const groups = [{ master: 'redis-2', replicas: ['redis-1', 'redis-3'] }];
  const sentinels = ['sentinel-1', 'sentinel-2'];

  it('is replicas first, then the master after a switchover, then sentinels', () => {
    const all = new Set(['sentinel-1', 'redis-1', 'redis-2', 'redis-3', 'sentinel-2']);
    const steps = rollingSteps(all, groups, sentinels);
    expect(steps.map(({ nodeId }) => nodeId)).toEqual([
      'redis-1',
      'redis-3',
      'redis-2',
      'sentinel-1',
      'sentinel-2',
    ]);
    expect(steps.filter(({ switchesFirst }) => switchesFirst).map(({ nodeId }) => nodeId)).toEqual([
      'redis-2',
    ]);
  });

  it('contains only the nodes that need a change, and no switchover for a replica', () => {
    expect(rollingSteps(new Set(['redis-3']), groups, sentinels)).toEqual([
      { nodeId: 'redis-3', role: 'replica', switchesFirst: false },
    ]);
  });

  it('completes one shard of a cluster before the next one', () => {
    const shards = [
      { master: 'redis-1', replicas: ['redis-4'] },
      { master: 'redis-2', replicas: ['redis-5'] },
    ];
    const steps = rollingSteps(new Set(['redis-1', 'redis-2', 'redis-4', 'redis-5']), shards, []);
    expect(steps.map(({ nodeId }) => nodeId)).toEqual(['redis-4', 'redis-1', 'redis-5', 'redis-2']);
  });

  it('contains no switchover for a master without a replica', () => {
    expect(rollingSteps(new Set(['redis-1']), [{ master: 'redis-1', replicas: [] }], [])).toEqual([
      { nodeId: 'redis-1', role: 'master', switchesFirst: false },
    ]);
  });
});

describe('the limits of a rolling change', () => {
  const dev = loadEnvironment('dev');
  const single = loadEnvironment('single');
  const withRedis = (change: Partial<EnvironmentConfig['redis']>) => ({
    ...dev,
    redis: { ...dev.redis, ...change },
  });

  it('include settings that must be equal on two nodes', () => {
    const other = { ...withRedis({ port: dev.redis.port + 1 }), security: { tls: !dev.security.tls } };
    expect(notRolling(dev, other)).toEqual(['redis.port', 'security.tls']);
    expect(notRolling(dev, withRedis({ maxmemory: 2 * dev.redis.maxmemory }))).toEqual([]);
  });

  it('include the downtime of a node without replicas', () => {
    const steps = rollingSteps(new Set(['redis-1']), [{ master: 'redis-1', replicas: [] }], []);
    expect(interruptions(single, steps)).toEqual([
      'redis-1 has no replica: no reads and no writes of its data while it restarts',
    ]);
  });

  it('include the rejection of writes if a write needs every replica', () => {
    const groups = [{ master: 'redis-1', replicas: ['redis-2', 'redis-3'] }];
    const steps = rollingSteps(new Set(['redis-2']), groups, []);
    expect(interruptions(withRedis({ minReplicasToWrite: 1 }), steps)).toEqual([]);
    expect(interruptions(withRedis({ minReplicasToWrite: 2 }), steps)).toEqual([
      'writes are rejected while a replica restarts: 1 remain, redis.minReplicasToWrite is 2',
    ]);
  });
});

describe('server versions', () => {
  it.each([
    [redis('6.2.14'), 9],
    [redis('7.0.15'), 10],
    [redis('7.2.5'), 11],
    [redis('7.4.0'), 12],
    [redis('8.2.1'), 12],
    [redis('8.6.0'), 13],
    [valkey('8.0.1'), 11],
    [valkey('9.0.0'), 80],
  ])('%o write RDB version %i', (server, version) => {
    expect(rdbVersionFor(server)).toBe(version);
  });

  it.each([
    [redis('7.0.15'), redis('7.0.14')],
    [redis('7.0.15'), redis('8.2.1')],
    [redis('7.2.5'), valkey('8.0.1')],
    [redis('7.2.5'), valkey('9.0.0')],
    [valkey('8.1.0'), valkey('9.0.0')],
    [redis('8.2.1'), redis('8.0.0')],
  ])('let a node keep its data in a change from %o to %o', (running, next) => {
    expect(versionProblem(running, next)).toBeUndefined();
  });

  it.each([
    [redis('7.2.5'), redis('7.0.15'), 'Redis 7.2.5 writes RDB version 11, Redis 7.0.15 reads up to 10'],
    [redis('7.4.0'), valkey('8.1.0'), 'Valkey 8.1.0 does not read RDB versions 12 to 79'],
    [redis('8.2.1'), valkey('9.0.0'), 'Valkey 9.0.0 does not read RDB versions 12 to 79'],
    [valkey('9.0.0'), redis('8.6.0'), 'Redis 8.6.0 reads up to 13'],
  ])('do not let a node keep its data in a change from %o to %o', (running, next, why) => {
    expect(versionProblem(running, next)).toContain(why);
  });
});

it('versions are compared by the RDB version that a server writes if it exceeds the one in the table', () => {
  expect(versionProblem(redis('9.0.0'), redis('8.8.0'))).toBeUndefined();
  expect(versionProblem(redis('9.0.0'), redis('8.8.0'), 15)).toBe(
    'Redis 9.0.0 writes RDB version 15, Redis 8.8.0 reads up to 14',
  );
});

describe('the rewritten file of a sentinel', () => {
  const rendered = [
    'port 26379',
    'sentinel monitor mymaster 127.0.0.1 6379 2',
    'sentinel down-after-milliseconds mymaster 900',
  ].join('\n');
  const kept = [
    'sentinel myid 0123',
    'sentinel monitor mymaster 127.0.0.2 6380 3',
    'sentinel down-after-milliseconds mymaster 5000',
    'sentinel config-epoch mymaster 7',
    'sentinel known-replica mymaster 127.0.0.1 6379',
    'sentinel current-epoch 7',
  ].join('\n');

  it('has the new settings and quorum, and keeps the previous master, id, epochs and nodes', () => {
    expect(renewSentinelConf(rendered, kept, 'mymaster').trim().split('\n')).toEqual([
      'port 26379',
      'sentinel monitor mymaster 127.0.0.2 6380 2',
      'sentinel down-after-milliseconds mymaster 900',
      'sentinel myid 0123',
      'sentinel config-epoch mymaster 7',
      'sentinel known-replica mymaster 127.0.0.1 6379',
      'sentinel current-epoch 7',
    ]);
  });
});

describe('trust between nodes with the current and the next certificates', () => {
  const unknown = 'tlsv1 alert unknown ca';
  const unverified = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';

  it('is complete if each node verifies the next certificate, and the next CA certificates verify the nodes', () => {
    expect(trustProblem([{ id: 'redis-1' }, { id: 'redis-2' }])).toBeUndefined();
    expect(trustProblem([])).toBeUndefined();
  });

  it('is missing for a certificate of an authority that the nodes do not know yet', () => {
    expect(trustProblem([{ id: 'redis-1', rejection: unknown }, { id: 'redis-2' }])).toEqual({
      message: `the new certificate is rejected by redis-1 (${unknown})`,
      remedy: expect.stringMatching(
        /^make three changes: both CA certificates in one file, with the previous certificate/,
      ),
    });
  });

  it('is missing if the CA of current certificates was removed', () => {
    const nodes = ['redis-1', 'redis-2'].map((id) => ({ id, unverified }));
    expect(trustProblem(nodes)).toEqual({
      message: `the new CA certificates do not verify the current certificate of redis-1, redis-2 (${unverified})`,
      remedy: expect.stringMatching(/^keep the previous CA certificate/),
    });
  });

  it('is reported with both problems, and with every reason once', () => {
    const nodes = [
      { id: 'redis-1', rejection: unknown, unverified },
      { id: 'redis-2', rejection: 'timed out', unverified },
    ];
    expect(trustProblem(nodes)).toEqual({
      message: `the new certificate is rejected by redis-1, redis-2 (${unknown}, timed out); the new CA certificates do not verify the current certificate of redis-1, redis-2 (${unverified})`,
      remedy: expect.stringMatching(/^make three changes/),
    });
  });

  it('cannot be established node by node after the current certificates have expired', () => {
    expect(trustProblem([{ id: 'redis-1', unverified: 'CERT_HAS_EXPIRED' }])?.remedy).toContain(
      'restart all nodes',
    );
  });
});
