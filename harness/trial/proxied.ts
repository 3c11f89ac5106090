/**
 * An environment whose clients reach the master through a fault proxy, and that can therefore lose answers: what is asked arrives,
 * what is answered does not. The nodes among themselves, the sentinels and the admin connections do not pass it.
 */
import { KitError } from '../../config/errors.ts';
import type { Capabilities, Environment, Heal } from '../../infra/environment.ts';
import { startProxy } from '../faults/proxy/index.ts';

/** Shorter than any command's deadline: the connection ends while the client still waits, its answers with it. */
const CUT_AFTER_MS = 600;

export interface ProxiedEnvironment extends AsyncDisposable {
  readonly environment: Environment;
}

/** Before the master of the moment; disposing ends the proxy and nothing else. */
export async function proxied(environment: Environment): Promise<ProxiedEnvironment> {
  const masterId = await environment.masterId();
  const master = (await environment.status()).find(({ id }) => id === masterId);
  if (master === undefined) {
    throw new KitError('there is no master to stand a proxy before', { code: 'NO_MASTER' });
  }
  const proxy = await startProxy(master.address);
  const { host, port } = master.announced ?? master.address;
  const natMap = { ...environment.endpoints.natMap, [`${host}:${port}`]: proxy.address };

  const mute = async (nodeId: string): Promise<Heal> => {
    if (nodeId !== master.id) {
      throw new KitError(`the proxy stands before ${master.id}, not before ${nodeId}`, {
        code: 'FAULT_UNAVAILABLE',
      });
    }
    await proxy.add('mute', { type: 'timeout', timeoutMs: CUT_AFTER_MS });
    return () => proxy.remove('mute');
  };
  const overrides: Partial<Record<keyof Environment, unknown>> = {
    endpoints: { ...environment.endpoints, natMap },
    capabilities: { ...environment.capabilities, mute } satisfies Capabilities,
  };
  return {
    environment: new Proxy(environment, {
      get(target, name) {
        if (name in overrides) return overrides[name as keyof Environment];
        const own: unknown = Reflect.get(target, name, target);
        return typeof own === 'function' ? own.bind(target) : own;
      },
    }),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
