/** Adapters by the name of the client. */
import type { Adapter, ClientEventSink, ClientSpec } from './adapter.ts';
import type { ClientModule } from './client-module.ts';
import { kitAdapter } from './kit.ts';
import { glideAdapter } from './stock/glide.ts';
import { ioredisAdapter, tunedIoredisAdapter } from './stock/ioredis.ts';
import { nodeRedisAdapter } from './stock/node-redis.ts';

export const ADAPTERS: Readonly<
  Record<
    ClientSpec['client'],
    (spec: ClientSpec, onEvent: ClientEventSink, client: ClientModule) => Adapter | Promise<Adapter>
  >
> = {
  kit: kitAdapter,
  ioredis: ioredisAdapter,
  'ioredis-tuned': tunedIoredisAdapter,
  'node-redis': nodeRedisAdapter,
  'node-redis-5': nodeRedisAdapter,
  glide: glideAdapter,
};
