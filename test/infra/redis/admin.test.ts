/** Admin connections: the replies that prove that a node is reachable. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Secret } from '../../../config/secret.ts';
import { AdminConnections } from '../../../infra/redis/admin.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

const PASSWORD = 'admin-secret';
const ADMIN = `user admin on >${PASSWORD} ~* &* +@all`;

function connectionsTo({ address }: RedisProcess, password = PASSWORD): AdminConnections {
  return new AdminConnections(() => ({ address, password: new Secret(password), ca: undefined }));
}

it('an admin connection can be opened to a master that replies MISCONF to PING, and can read from it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kit-misconf-'));
  await using redis = await RedisProcess.start({ conf: [ADMIN, `dir ${dir}`, 'save 3600 1'] });
  await redis.admin().set('key', 'value');
  // A snapshot fails if its directory does not exist.
  rmSync(dir, { recursive: true });
  await redis.admin().bgsave();
  const refusal = () =>
    redis
      .admin()
      .ping()
      .then(
        () => '',
        (error: Error) => error.message,
      );
  await waitUntil('the server refuses PING', async () => (await refusal()).startsWith('MISCONF'));
  using connections = connectionsTo(redis);
  expect(await (await connections.get('redis-1')).get('key')).toBe('value');
});

it('an admin connection reports a node as unreachable if the node rejects the login or has exited', async () => {
  const redis = await RedisProcess.start({ conf: [ADMIN] });
  using denied = connectionsTo(redis, 'another-secret');
  await expect(denied.get('redis-1')).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    message: expect.stringContaining('WRONGPASS'),
  });
  await redis[Symbol.asyncDispose]();
  using ended = connectionsTo(redis);
  await expect(ended.get('redis-1')).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
});
