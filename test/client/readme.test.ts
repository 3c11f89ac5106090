/** The README's example of the client, as it stands there, against a real topology. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sentinelCache } from '../../client/index.ts';
import { loadEnvironment } from '../../config/load.ts';
import { localSubstrate } from '../../infra/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';

it('the example of the README does what the README says', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'kit-readme-'));
  try {
    const topology = planTopology(loadEnvironment('dev'));
    await using environment = await localSubstrate({ stateDir }).apply(topology, { ephemeral: true });
    const { sentinels, app, sentinel } = environment.endpoints;
    const credentials = {
      username: app.username,
      password: app.password.reveal(),
      sentinelUsername: sentinel.username,
      sentinelPassword: sentinel.password.reveal(),
    };
    const loadUser = async (id: number) => ({ id, name: 'Ada' });
    const order = { total: 12 };

    // #region readme
    const cache = sentinelCache({ sentinels, serviceName: 'mymaster', ...credentials });

    // One load at a time for each key; from memory or the loader while Redis is away, and `source` says which.
    const user = await cache.getOrCompute('user:42', () => loadUser(42), { ttlSeconds: 300 });

    // A promise: acknowledged once a replica has it, or an error that says what is known.
    const receipt = await cache.set('order:7', order, { durability: { replicas: 1, timeoutMs: 1000 } });

    await cache.close();
    // #endregion

    expect(user).toEqual({ id: 42, name: 'Ada' });
    expect(receipt.source).toBe('redis');
    expect(receipt.replicas).toBeGreaterThanOrEqual(1);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});

it('the README shows exactly that example', async () => {
  const region = /\/\/ #region readme\n([\s\S]*?)\n *\/\/ #endregion/.exec(
    await readFile(import.meta.filename, 'utf8'),
  )?.[1];
  const shown = /```ts\nimport \{ sentinelCache \} from '@redis-cache-kit\/client';\n\n([\s\S]*?)\n```/.exec(
    await readFile('README.md', 'utf8'),
  )?.[1];
  expect(shown).toBe(region?.replace(/^ {4}/gm, ''));
});
