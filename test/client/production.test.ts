/**
 * The client on the production topology, with TLS and least-privilege users. The app user's permissions are sufficient
 * for the client.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type CacheError, sentinelCache } from '../../client/index.ts';
import type { ConnectionEvent } from '../../client/types.ts';
import { loadEnvironment } from '../../config/load.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { waitUntil } from '../support/redis-process.ts';

it('every feature of the client works as the app user, over TLS', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'kit-production-'));
  try {
    const topology = planTopology(loadEnvironment('production'));
    await using environment = await localSubstrate({ stateDir }).apply(topology, { ephemeral: true });
    const { sentinels, app, sentinel, tls, serviceName } = environment.endpoints;
    const cache = sentinelCache({
      sentinels,
      serviceName,
      namespace: 'p',
      commandTimeoutMs: 5_000,
      username: app.username,
      password: app.password.reveal(),
      sentinelUsername: sentinel.username,
      sentinelPassword: sentinel.password.reveal(),
      tls: { ca: tls?.ca ?? '' },
    });
    const events: ConnectionEvent[] = [];
    cache.connection?.on((event) => events.push(event));
    expect(await cache.set('k', { a: 1 })).toEqual({ source: 'redis' });
    expect(await cache.getEntry('k')).toEqual({ value: { a: 1 }, source: 'redis' });
    const durable = await cache.set('d', 1, { durability: { replicas: 1, timeoutMs: 2000 } });
    expect(durable.replicas).toBeGreaterThanOrEqual(1);
    const master = await environment.admin((await environment.masterId()) ?? '');
    await master.set('p:poisoned', 'garbage');
    expect(await cache.get('poisoned')).toBeUndefined();
    expect(await master.exists('p:poisoned')).toBe(0);
    expect(await cache.delete('k')).toBe(1);
    expect(await cache.clear()).toBe(1);
    await expect(cache.connection?.call('FLUSHALL')).rejects.toMatchObject({ code: 'NOPERM' });

    // The master hangs. The client must abandon it, even with TLS.
    const former = (await environment.masterId()) ?? '';
    const heal = await environment.capabilities.pause?.(former);
    await waitUntil('the connection has moved', () => events.some(({ type }) => type === 'moved'), 60_000);
    // The new master refuses writes until a replica follows it (min-replicas-to-write).
    const set = () => cache.set('k', 2).catch((error: CacheError) => ({ source: error.code }));
    await waitUntil('a write is accepted', async () => (await set()).source === 'redis', 20_000);
    await heal?.();
    await cache.close();
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}, 150_000);
