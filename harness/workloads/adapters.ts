/** Adapters by client name, including the clients of extension modules. */
import type { ClientName } from '../drills/clients.ts';
import type { Adapter, ClientEventSink, ClientSpec } from './adapter.ts';
import type { ClientModule } from './client-module.ts';
import { kitAdapter } from './kit.ts';
import { moduleAdapter } from './module-client.ts';
import { loadPart } from './module-part.ts';
import { glideAdapter } from './stock/glide.ts';
import { ioredisAdapter, tunedIoredisAdapter } from './stock/ioredis.ts';
import { nodeRedisAdapter } from './stock/node-redis.ts';

export const ADAPTERS: Readonly<
  Record<
    ClientName,
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

/**
 * Opens the client of a spec.
 *
 * @param fail called with an error that an extension module caused and that becomes visible only in an answer
 */
export async function openAdapter(
  spec: ClientSpec,
  onEvent: ClientEventSink,
  client: ClientModule,
  fail: (error: Error) => void,
): Promise<Adapter> {
  const { extension } = spec;
  if (extension !== undefined) {
    const own = await loadPart(extension, 'clients', spec.client);
    return moduleAdapter(spec, { path: extension.path, client: own }, onEvent, fail);
  }
  return ADAPTERS[spec.client as ClientName](spec, onEvent, client);
}
