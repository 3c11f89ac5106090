/** Application used to prove the alerts: reads and writes through the cache client, and serves its metrics. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { renderMetrics } from '../../client/extras/metrics/index.ts';
import { sentinelCache } from '../../client/index.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { type Application, repeatUntilStopped } from './scenario.ts';

export interface RunningApplication extends AsyncDisposable {
  readonly application: Application;
}

/** Starts the application, with 100 operations per second, half of them reads of a key that exists. */
export async function startApplication(
  { endpoints }: Environment,
  namespace: string,
  port: number,
): Promise<RunningApplication> {
  const cache = sentinelCache({
    sentinels: endpoints.sentinels,
    serviceName: endpoints.serviceName,
    username: endpoints.app.username,
    password: endpoints.app.password.reveal(),
    sentinelUsername: endpoints.sentinel.username,
    sentinelPassword: endpoints.sentinel.password.reveal(),
    namespace,
  });
  const server = createServer((_request, response) => {
    const paused = `# TYPE cache_canary_paused gauge\ncache_canary_paused{canary="proof"} ${application.canaryPaused ? 1 : 0}\n`;
    response.end(renderMetrics([cache]) + paused);
  });
  const application: Application = { cache, server, canaryPaused: false };
  const stop = repeatUntilStopped(async () => {
    await Promise.allSettled([cache.set('key', 1, { ttlSeconds: 60 }), cache.get('key')]);
    await sleep(20);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    application,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await cache.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
