/** The operator's commands on local processes with sentinels, and on an external Redis with a replica. */
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { commandsContract } from '../contracts/commands/commands.contract.ts';
import { type CommandPlace, NAMESPACE, nodesOfEnvironment } from '../contracts/commands/place.ts';
import { CliHarness } from '../support/cli-harness.ts';
import { callKit } from '../support/kit-call.ts';
import { RedisProcess, waitUntil } from '../support/redis-process.ts';

commandsContract('local processes', async (): Promise<CommandPlace> => {
  const cli = new CliHarness();
  const file = cli.writeEnvironment('operated', {
    'client.namespace': NAMESPACE,
    // Keeps a busy machine from causing a failover or a rejected write.
    'sentinel.downAfterMs': 10_000,
    'redis.minReplicasMaxLagSeconds': 20,
  });
  vi.stubEnv('KIT_STATE_DIR', join(cli.path, '.kit'));
  const end = async () => {
    vi.unstubAllEnvs();
    await cli[Symbol.asyncDispose]();
  };
  try {
    const { exitCode, err } = await callKit('up', '--env', file, '--json');
    expect(exitCode, err).toBe(EXIT.GO);
    const nodes = await nodesOfEnvironment(file);
    expect(nodes.map(({ id, role }) => [id, role])).toEqual([
      ['redis-1', 'master'],
      ['redis-2', 'replica'],
      ['redis-3', 'replica'],
    ]);
    return { options: { env: file }, substrate: 'local', nodes, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
});

commandsContract('an external Redis', async (): Promise<CommandPlace> => {
  const cli = new CliHarness();
  const started: RedisProcess[] = [];
  const end = async () => {
    for (const redis of started) await redis[Symbol.asyncDispose]();
    await cli[Symbol.asyncDispose]();
  };
  const start = async (host: string, conf: readonly string[]): Promise<RedisProcess> => {
    const redis = await RedisProcess.start({
      host,
      conf: [...conf, 'maxmemory 256mb', 'maxmemory-policy allkeys-lru', `replica-announce-ip ${host}`],
    });
    started.push(redis);
    return redis;
  };
  try {
    const master = await start('127.61.0.1', []);
    const { host, port } = master.address;
    const replica = await start('127.61.0.2', [`replicaof ${host} ${port}`]);
    await waitUntil('the replica is in sync', async () =>
      (await master.admin().info('replication')).includes('state=online'),
    );
    return {
      options: {
        env: cli.writeEnvironment('expected', { 'client.namespace': NAMESPACE }),
        url: `redis://${host}:${port}`,
      },
      substrate: 'external',
      nodes: [
        { id: 'redis-1', role: 'master', address: `${host}:${port}` },
        { id: '-', role: 'replica', address: `${replica.address.host}:${replica.address.port}` },
      ],
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
});
