/**
 * Time until a write is readable on each replica, measured by reads in a tight loop that starts at the acknowledgement.
 */
import { infoNumber, parseInfo } from '../../../infra/redis/info.ts';
import type { ScriptContext } from './script.ts';
import { defineScript, equals } from './script.ts';

export const replication = defineScript({
  name: 'replication',
  defaults: { writes: 60, readableBoundMs: 2_000 },
  async run(context) {
    const { environment, open, expect, masterId, remember, tag, parameters, signal } = context;
    const { writes, readableBoundMs } = parameters;
    const cache = open();
    await cache.ping();
    const master = await masterId();
    const replicas = environment.topology.redis.map(({ id }) => id).filter((id) => id !== master);

    let readable = 0;
    for (let n = 0; n < writes; n++) {
      signal.throwIfAborted();
      const key = `replication:${tag}:${n}`;
      const physical = cache.physicalKey(key);
      remember(physical);
      await cache.set(key, n);
      const ackedAt = performance.now();
      const seen = await Promise.all(
        replicas.map((id) => measureLag(context, id, physical, ackedAt, readableBoundMs)),
      );
      readable += seen.filter(Boolean).length;
    }
    expect('all-readable', 'every write is readable on every replica', {
      ...equals(writes * replicas.length, readable),
    });

    for (const [index, node] of replicas.toSorted().entries()) {
      const id = `replica-${index + 1}`;
      const info = parseInfo(await (await environment.admin(node)).info('replication'));
      expect(`${id}-link`, `${node} has a link to its master`, equals('up', info.master_link_status));
      expect(`${id}-read-only`, `${node} accepts no writes itself`, equals('1', info.slave_read_only));
      expect(`${id}-io`, `${node} received data from its master recently`, {
        relation: 'at-most',
        expected: 10,
        actual: infoNumber(info, 'master_last_io_seconds_ago'),
        unit: 's',
      });
    }
  },
});

/** Records the lag; returns false if the key did not arrive within the time limit. */
async function measureLag(
  { environment, record, clock }: ScriptContext,
  node: string,
  key: string,
  ackedAt: number,
  boundMs: number,
): Promise<boolean> {
  const redis = await environment.admin(node);
  for (;;) {
    const found = (await redis.exists(key)) === 1;
    const lagMs = Math.round((performance.now() - ackedAt) * 1_000) / 1_000;
    if (found) {
      const atUs = clock.nowUs();
      record({ type: 'observe', from: 'workload', name: 'replication-lag', node, atUs, data: { lagMs } });
      return true;
    }
    if (lagMs > boundMs) return false;
  }
}
