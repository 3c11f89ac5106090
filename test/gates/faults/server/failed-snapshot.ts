import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseInfo } from '../../../../infra/redis/info.ts';
import { waitUntil } from '../../../support/redis-process.ts';
import { changeFault, connectAdmin } from '../../server-fault-builders.ts';

/**
 * A folder occupies the file name of the snapshot, so a new snapshot cannot replace it. The directive
 * `stop-writes-on-bgsave-error` is off, because with this directive a replica would stop itself after a failed
 * snapshot.
 */
export const fault = changeFault(
  {
    what: 'The last snapshot of a replica failed, and the replica continues',
    criterion: 'persistence',
    remedy: ["redis-2: rdb_last_bgsave_status is 'err'", 'space on its disk'],
  },
  async (environment) => {
    const admin = await connectAdmin(environment, 'redis-2');
    const snapshot = join(dirname(environment.logs.get('redis-2') ?? ''), 'data', 'dump.rdb');
    const saved = async (status: string) => {
      await admin.bgsave();
      await waitUntil(`a snapshot that ends with ${status}`, async () => {
        const info = parseInfo(await admin.info('persistence'));
        return info.rdb_bgsave_in_progress === '0' && info.rdb_last_bgsave_status === status;
      });
    };
    await admin.config('SET', 'stop-writes-on-bgsave-error', 'no');
    rmSync(snapshot, { force: true });
    mkdirSync(join(snapshot, 'occupied'), { recursive: true });
    await saved('err');
    return async () => {
      rmSync(snapshot, { recursive: true });
      await saved('ok');
      await admin.config('SET', 'stop-writes-on-bgsave-error', 'yes');
    };
  },
);
