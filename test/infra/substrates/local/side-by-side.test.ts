import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment } from '../../../../infra/substrates/environment.ts';
import { localSubstrate } from '../../../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../../../infra/topology.ts';
import { configuration, temporaryStateDir } from './fixtures.ts';

/** The worst case: two checkouts have the same environment, the same ports and the same service name. */
describe('two environments side by side', () => {
  const first = temporaryStateDir();
  const second = temporaryStateDir();
  let environments: readonly Environment[] = [];

  beforeAll(async () => {
    environments = await Promise.all(
      [first, second].map(({ path }) =>
        localSubstrate({ stateDir: path }).apply(planTopology(configuration('twin')), { ephemeral: true }),
      ),
    );
  });
  afterAll(async () => {
    await Promise.all(environments.map((environment) => environment[Symbol.asyncDispose]()));
    first[Symbol.dispose]();
    second[Symbol.dispose]();
  });

  it('share no address', () => {
    const hosts = environments.map(({ endpoints }) =>
      [...endpoints.redis, ...endpoints.sentinels].map(({ host }) => host),
    );
    expect(new Set(hosts.flat()).size).toBe(12);
  });

  it('have sentinels that list only the two peers and two replicas of their own environment', async () => {
    for (const environment of environments) {
      const own = [...environment.endpoints.redis, ...environment.endpoints.sentinels].map(
        ({ host }) => host,
      );
      const sentinel = await environment.admin('sentinel-1');
      for (const what of ['SENTINELS', 'REPLICAS']) {
        const seen = (await sentinel.call('SENTINEL', what, 'mymaster')) as string[][];
        expect(seen).toHaveLength(2);
        for (const fields of seen) expect(own).toContain(fields[fields.indexOf('ip') + 1]);
      }
    }
  });

  it("reject each other's passwords", async () => {
    const [here, there] = environments as [Environment, Environment];
    const stranger = new Redis({
      ...here.endpoints.redis[0],
      username: 'app',
      password: there.endpoints.app.password.reveal(),
      lazyConnect: true,
      retryStrategy: null,
    });
    stranger.on('error', () => {});
    await stranger.connect().catch(() => {});
    await expect(stranger.ping()).rejects.toThrow();
    stranger.disconnect();
  });
});
