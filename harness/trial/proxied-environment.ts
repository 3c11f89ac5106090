/**
 * An environment whose clients reach the master through a fault proxy, so that replies can be dropped (requests arrive,
 * replies do not), or clients can be cut off from the master. The proxy does not affect traffic between nodes, from
 * sentinels or on admin connections.
 */
import { KitError } from '../../config/errors.ts';
import type { Capabilities, Environment, Heal, NodeStatus } from '../../infra/substrates/environment.ts';
import { startProxy, type Toxic } from '../faults/proxy/index.ts';
import { awaitMasters } from './current-masters.ts';

/**
 * Time, in ms, after which the connection ends. This time is shorter than the deadline of any command, so replies are
 * lost while the client is still waiting.
 */
const CUT_AFTER_MS = 600;

export interface ProxiedEnvironment extends AsyncDisposable {
  readonly environment: Environment;
}

/** Puts a proxy in front of the current master; disposing ends only the proxy. */
export async function openProxiedEnvironment(
  environment: Environment,
  signal?: AbortSignal,
): Promise<ProxiedEnvironment> {
  const master = (await awaitMasters(environment, signal))[0] as NodeStatus;
  const proxy = await startProxy(master.address);
  const { host, port } = master.announced ?? master.address;
  const natMap = { ...environment.endpoints.natMap, [`${host}:${port}`]: proxy.address };

  const addToxics =
    (...toxics: readonly Toxic[]) =>
    async (nodeId: string): Promise<Heal> => {
      if (nodeId !== master.id) {
        throw new KitError(`the proxy forwards to ${master.id}, not to ${nodeId}`, {
          code: 'FAULT_UNAVAILABLE',
        });
      }
      const names = toxics.map(({ type, stream = 'downstream' }) => `${type} ${stream}`);
      for (const [i, toxic] of toxics.entries()) await proxy.add(names[i] as string, toxic);
      return async () => {
        for (const name of names) await proxy.remove(name);
      };
    };
  const faults: Capabilities = {
    dropReplies: addToxics({ type: 'timeout', attributes: { timeout: CUT_AFTER_MS } }),
    // Like lost packets: connections stay open, and neither existing nor new ones get a reply.
    cutClients: addToxics(
      { type: 'timeout', attributes: { timeout: 0 }, stream: 'upstream' },
      { type: 'timeout', attributes: { timeout: 0 } },
    ),
  };
  const overrides: Partial<Record<keyof Environment, unknown>> = {
    endpoints: { ...environment.endpoints, natMap },
    capabilities: { ...environment.capabilities, ...faults },
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
