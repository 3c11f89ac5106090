/** Loading the client's functions where a master takes no writes. */
import { expect, it } from 'vitest';
import { loadFunctions } from '../../infra/functions.ts';
import { RedisProcess } from '../support/redis.ts';

it.each([
  ['NOREPLICAS', 'min-replicas-to-write 1'],
  ['OOM', 'maxmemory 1'],
])('says which node refuses, and with what: %s', async (reply, directive) => {
  await using redis = await RedisProcess.start({ conf: [directive] });
  await expect(loadFunctions(['redis-1'], async () => redis.admin())).rejects.toMatchObject({
    code: 'FUNCTIONS_REFUSED',
    message: expect.stringMatching(new RegExp(`^redis-1 does not take the client's functions: ${reply} `)),
    hint: expect.stringContaining('kit status'),
  });
});
