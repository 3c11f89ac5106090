/** The failed calls that count toward opening the circuit breaker. */
import { expect, it } from 'vitest';
import { Emitter } from '../../../client/api/events.ts';
import { Breaker } from '../../../client/cache/breaker.ts';
import { resolveCache } from '../../../client/cache/options.ts';
import { Remote } from '../../../client/cache/remote.ts';
import { Statistics } from '../../../client/cache/statistics.ts';
import { NotSentError } from '../../../client/index.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';

it('does not count a failed call that began before the client connected to the current master', async () => {
  await using redis = await RedisProcess.start();
  const connection = openConnection(resolveConnection({ mode: 'standalone', address: redis.address }));
  await connection.call('PING');
  const { breaker: options, scripting } = resolveCache({});
  const breaker = new Breaker(options, () => Promise.reject(new Error('no probe')), new Emitter());
  const remote = new Remote(connection, breaker, new Statistics(), true, scripting);
  const failing = (): { readonly outcome: Promise<unknown>; readonly fail: () => void } => {
    const { promise, reject } = Promise.withResolvers<unknown>();
    const outcome = expect(remote.guarded('get', () => promise)).rejects.toThrow(NotSentError);
    return { outcome, fail: () => reject(new NotSentError('no master')) };
  };
  const failAll = async (calls: readonly ReturnType<typeof failing>[]): Promise<void> => {
    for (const { fail } of calls) fail();
    await Promise.all(calls.map(({ outcome }) => outcome));
  };
  const batch = () => Array.from({ length: options.threshold }, failing);
  try {
    const early = batch();
    let isReady = false;
    connection.on(({ type }) => {
      isReady ||= type === 'ready';
    });
    await redis.admin().call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
    await waitUntil('the client is connected again', () => isReady);
    await failAll(early);
    expect(breaker.state).toEqual({ kind: 'closed', failures: 0 });
    await failAll(batch());
    expect(breaker.state.kind).toBe('open');
  } finally {
    breaker.stop();
    await connection.close();
  }
});
