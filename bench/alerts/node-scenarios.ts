/** Faults that affect nodes, sentinels, replication and persistence, with the alerts that must fire. */
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Heal } from '../../infra/substrates/environment.ts';
import type { Scenario, Subject } from './scenario.ts';

const replicaOf = async (subject: Subject): Promise<string> => {
  const { id } = await subject.master();
  return subject.environment.topology.redis.find((node) => node.id !== id)?.id ?? '';
};

const run = async (act: Promise<void> | undefined): Promise<void> => {
  if (act === undefined) throw new Error('the substrate cannot cause this fault');
  await act;
};

/** Suspends nodes in this order; healing resumes them in the reverse order. */
async function suspend({ environment }: Subject, ids: readonly string[]): Promise<() => Promise<void>> {
  const heals: Heal[] = [];
  for (const id of ids) {
    const heal = await environment.capabilities.pause?.(id);
    if (heal !== undefined) heals.unshift(heal);
  }
  return async () => {
    for (const heal of heals) await heal();
  };
}

export const NODE_SCENARIOS: readonly Scenario[] = [
  {
    alerts: ['RedisNodeDown', 'RedisReplicasMissing'],
    fault: 'one replica killed',
    inject: async (subject) => {
      const id = await replicaOf(subject);
      await run(subject.environment.capabilities.kill?.(id));
      return () => run(subject.environment.capabilities.start?.(id));
    },
  },
  {
    alerts: ['RedisReplicaLag'],
    fault: 'one replica suspended (SIGSTOP)',
    inject: async ({ environment, ...rest }) => {
      const id = await replicaOf({ environment, ...rest });
      const heal = await environment.capabilities.pause?.(id);
      return async () => heal?.();
    },
  },
  {
    alerts: ['RedisReplicaLinkDown'],
    fault: 'one replica with a wrong password for its master',
    inject: async (subject) => {
      const redis = await subject.environment.admin(await replicaOf(subject));
      const [, password = ''] = (await redis.config('GET', 'masterauth')) as [string, string];
      await redis.config('SET', 'masterauth', 'wrong');
      const master = await subject.master();
      await master.redis.call('CLIENT', 'KILL', 'TYPE', 'replica');
      return async () => void (await redis.config('SET', 'masterauth', password));
    },
  },
  {
    alerts: ['RedisSentinelDown', 'RedisNoQuorum'],
    fault: 'two of three sentinels killed',
    inject: async ({ environment: { capabilities } }) => {
      for (const id of ['sentinel-2', 'sentinel-3']) await run(capabilities.kill?.(id));
      return async () => {
        for (const id of ['sentinel-2', 'sentinel-3']) await run(capabilities.start?.(id));
      };
    },
  },
  {
    alerts: ['RedisNoMaster', 'CacheBreakerOpen'],
    fault: 'master and two sentinels suspended, while an application reads and writes',
    inject: async (subject) => {
      const { id } = await subject.master();
      return suspend(subject, ['sentinel-2', 'sentinel-3', id]);
    },
  },
  {
    alerts: ['RedisFailover'],
    fault: 'SENTINEL FAILOVER',
    inject: async ({ environment }) => {
      const sentinel = await environment.admin('sentinel-1');
      await sentinel.call('SENTINEL', 'FAILOVER', environment.topology.environment.topology.serviceName);
      return async () => {};
    },
  },
  {
    alerts: ['RedisSplitBrain'],
    fault: 'a replica promoted manually, with watchdog and sentinels suspended',
    inject: async (subject) => {
      const heal = await suspend(subject, ['watchdog', 'sentinel-1', 'sentinel-2', 'sentinel-3']);
      const redis = await subject.environment.admin(await replicaOf(subject));
      const { redis: master } = await subject.master();
      const { host = '', port = 0 } = master.options;
      await redis.replicaof('NO', 'ONE');
      return async () => {
        await redis.replicaof(host, port);
        await heal();
      };
    },
  },
  {
    alerts: ['RedisSentinelTilt'],
    fault: 'one sentinel suspended for 4 s',
    inject: async ({ environment }) => {
      const heal = await environment.capabilities.pause?.('sentinel-1');
      await sleep(4_000);
      await heal?.();
      return async () => {};
    },
  },
  {
    alerts: ['RedisPersistenceFailing'],
    fault: 'snapshots of the master cannot be written (a directory occupies the file name)',
    inject: async (subject) => {
      const { id, redis } = await subject.master();
      const file = join(subject.dir, id, 'data', 'dump.rdb');
      const save = async () => void (await redis.call('BGSAVE', 'SCHEDULE').catch(() => undefined));
      rmSync(file, { force: true });
      mkdirSync(file);
      await save();
      return async () => {
        rmdirSync(file);
        await save();
      };
    },
  },
];
