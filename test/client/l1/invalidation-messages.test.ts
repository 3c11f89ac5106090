/** Messages that a listener receives for a load; the lease of the load is stored in the key of the entry. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SharedStatistics } from '../../../client/extras/shared-statistics.ts';
import { buildKey, redisCache } from '../../../client/index.ts';
import { Listener } from '../../../client/l1/listener.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import { dedicatedConnections } from '../../../client/transport/dedicated-connection.ts';
import { PATIENT_LIMITS } from '../../support/patient-limits.ts';
import { RedisProcess, waitUntil } from '../../support/redis-process.ts';
import { loadLibrary } from '../load/lease-party.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
  await loadLibrary(redis);
});
afterAll(() => redis[Symbol.asyncDispose]());

interface Ear {
  readonly messages: (readonly string[])[];
  /** Resolves when all messages that the server sent before this call have arrived. */
  readonly heard: () => Promise<unknown>;
}

async function listen(prefixes: readonly string[]): Promise<Ear> {
  const { address } = redis;
  const link = await dedicatedConnections(resolveConnection({ mode: 'standalone', address }))(address);
  const messages: (readonly string[])[] = [];
  const listener = await Listener.arm(link, prefixes, (keys) => messages.push(keys ?? []), 5_000);
  onTestFinished(() => listener.close('the test is over'));
  return { messages, heard: () => link.redis.ping() };
}

describe('a load', () => {
  it('causes two messages with one key each, whether a listener covers the namespace or only built keys', async () => {
    const cache = redisCache({
      address: redis.address,
      namespace: 'ns',
      ...PATIENT_LIMITS,
      compute: { replyTimeoutMs: 5_000, leaseMs: 60_000 },
    });
    onTestFinished(async () => void (await cache.close()));
    await cache.ping();
    // The prefixes that a first tier uses, without and with `l1.prefixes: ['v']`.
    const all = await listen(['ns:']);
    const built = await listen(['ns:~tag:', 'ns:v']);
    const statistics = new SharedStatistics(cache);
    const key = buildKey('user', 42);
    // The PING puts the lease and the store into different event-loop turns of the server.
    await cache.getOrCompute(key, () => redis.admin().ping());
    // The store continues in the background. If a counter were updated in the same event-loop turn, Redis would report
    // that update in the same message.
    await waitUntil('the message about the store', () => all.messages.length > 1);
    await statistics.close();
    await cache.close();
    await all.heard();
    await built.heard();
    const entry = cache.physicalKey(key);
    expect(all.messages.slice(0, 2)).toEqual([[entry], [entry]]);
    expect(all.messages.slice(2).flat()).toContain('ns:~stats:loads');
    expect(built.messages).toEqual([[entry], [entry]]);
  });
});
