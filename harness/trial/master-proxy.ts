/**
 * Fault proxies in front of every master, controlled as one: a change applies to all of them. The address map of a
 * cluster client points to the proxies, regardless of which master a redirection names.
 */
import type { Environment, NodeStatus } from '../../infra/substrates/environment.ts';
import { type FaultProxy, startProxy } from '../faults/proxy/index.ts';
import type { MasterProxy } from '../workloads/scripted/script.ts';
import { awaitMasters } from './current-masters.ts';

export async function startMasterProxies(
  environment: Environment,
  signal?: AbortSignal,
): Promise<MasterProxy & AsyncDisposable> {
  const masters = await awaitMasters(environment, signal);
  const proxies: FaultProxy[] = [];
  const endAll = async () => void (await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]())));
  try {
    for (const { address } of masters)
      proxies.push(await startProxy(address, listenOptions(environment, address)));
  } catch (error) {
    await endAll();
    throw error;
  }
  const forEachProxy = async (act: (proxy: FaultProxy) => Promise<void>) =>
    void (await Promise.all(proxies.map(act)));
  return {
    addresses: proxies.map(({ address }) => address),
    ...(environment.cluster !== undefined && { natMap: mapOf(masters, proxies) }),
    add: (name, toxic) => forEachProxy((proxy) => proxy.add(name, toxic)),
    remove: (name) => forEachProxy((proxy) => proxy.remove(name)),
    down: () => forEachProxy((proxy) => proxy.down()),
    reset: () => forEachProxy((proxy) => proxy.reset()),
    async traffic() {
      const counted = await Promise.all(proxies.map((proxy) => proxy.traffic()));
      return {
        connections: counted.reduce((sum, { connections }) => sum + connections, 0),
        bytes: counted.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    },
    [Symbol.asyncDispose]: endAll,
  };
}

/** Returns the address to listen on: a proxy cannot listen on an address of another machine. */
function listenOptions(
  { substrate }: Environment,
  { host }: NodeStatus['address'],
): { readonly host?: string } {
  return substrate !== 'external' || host.startsWith('127.') ? {} : { host: '127.0.0.1' };
}

function mapOf(masters: readonly NodeStatus[], proxies: readonly FaultProxy[]) {
  return Object.fromEntries(
    masters.map(({ address, announced = address }, i) => [
      `${announced.host}:${announced.port}`,
      (proxies[i] as FaultProxy).address,
    ]),
  );
}
