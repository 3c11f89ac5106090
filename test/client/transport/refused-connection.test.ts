/** A server that has reached `maxclients` replies to a new connection with an error and closes it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCache } from '../../../client/index.ts';
import { Link } from '../../../client/transport/link.ts';
import { RedisProcess } from '../../support/redis-process.ts';

const ATTEMPTS = 30;
const REPLY = 'ERR max number of clients reached';

let server: RedisProcess;
// The admin connection of the fixture uses the only allowed connection.
beforeAll(async () => {
  server = await RedisProcess.start({ host: '127.63.0.3', conf: ['maxclients 1'] });
});
afterAll(() => server[Symbol.asyncDispose]());

it('each attempt to open a link fails with the reply from the server', async () => {
  const reasons = new Set<string>();
  const login = { username: undefined, password: undefined, db: 0, tls: undefined };
  for (let n = 0; n < ATTEMPTS; n++) {
    const link = Link.open({ ...login, address: server.address, timeoutMs: 2_000 });
    reasons.add(
      await link.then(
        () => 'opened',
        (error: Error) => error.message,
      ),
    );
  }
  expect([...reasons]).toEqual([REPLY]);
});

it('the error of a cache without a connection contains the reply from the server', async () => {
  const cache = openCache({ mode: 'standalone', address: server.address, commandTimeoutMs: 200 });
  try {
    await expect(cache.ping()).rejects.toMatchObject({
      code: 'NOT_SENT',
      message: expect.stringContaining(REPLY),
    });
  } finally {
    await cache.close();
  }
});
