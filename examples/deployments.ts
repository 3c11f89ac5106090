/** Snippets for docs/deployment-guide.md: one cache per type of deployment. test/examples.test.ts opens them. */

import { type Cache, clusterCache, redisCache, sentinelCache, tieredCache } from '../client/index.ts';
import type { Address } from '../client/types.ts';

interface Credentials {
  readonly username: string;
  readonly password: string;
}

export function single(address: Address, credentials: Partial<Credentials>): Cache {
  // #region single
  const cache = redisCache({ address, ...credentials, namespace: 'shop' });
  // #endregion
  return cache;
}

export function sentinels(list: readonly Address[], credentials: Partial<Credentials>): Cache {
  // #region sentinel
  const cache = sentinelCache({
    sentinels: list,
    serviceName: 'mymaster',
    ...credentials,
    namespace: 'shop',
  });
  // #endregion
  return cache;
}

export function cluster(nodes: readonly Address[], credentials: Partial<Credentials>): Cache {
  // #region cluster
  // No `db`: a cluster has only database 0. Any other value is a ConfigurationError.
  const cache = clusterCache({ nodes, ...credentials, namespace: 'shop' });
  // #endregion
  return cache;
}

export function managed(url: string): Cache {
  // #region managed
  const cache = redisCache({
    // rediss:// for TLS; includes the user and the password.
    url,
    namespace: 'shop',
    // Longer timeouts for the longer network path.
    connectTimeoutMs: 5000,
    commandTimeoutMs: 2000,
    hangSuspectedMs: 500,
  });
  // #endregion
  return cache;
}

export function tiered(address: Address, credentials: Partial<Credentials>): Cache {
  // #region tiered
  const cache = tieredCache({
    address,
    ...credentials,
    namespace: 'shop',
    l1: { maxEntries: 10_000, ttlSeconds: 60 },
  });
  // #endregion
  return cache;
}
