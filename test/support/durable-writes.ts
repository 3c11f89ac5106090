/** Durable writes to an environment while its nodes are replaced, and those of them that were lost. */
import { type Cache, sentinelCache } from '../../client/index.ts';
import type { Environment } from '../../infra/substrates/environment.ts';

/** The kit's client, as an application of the environment opens it. */
export function openApplicationCache({ endpoints }: Environment): Cache {
  return sentinelCache({
    ...{ sentinels: endpoints.sentinels, serviceName: endpoints.serviceName, natMap: endpoints.natMap ?? {} },
    ...{ username: endpoints.app.username, password: endpoints.app.password.reveal() },
    sentinelUsername: endpoints.sentinel.username,
    sentinelPassword: endpoints.sentinel.password.reveal(),
  });
}

/** Writes until the signal; returns the acknowledged keys. */
export async function writeDurably(cache: Cache, stopped: AbortSignal): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  for (let i = 0; !stopped.aborted; i += 1) {
    const written = await cache
      .set(`rolling:${i}`, i, { durability: { replicas: 1, timeoutMs: 1_000 } })
      .catch(() => undefined);
    if (written?.source === 'redis') acknowledged.push(`rolling:${i}`);
  }
  return acknowledged;
}
