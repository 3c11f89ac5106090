/** Redis nodes that can be made slow: the kit's fault proxy in front of each node, in this process. */
import { ProxyServer } from '../../harness/faults/proxy/server.ts';
import type { Address } from './redis-process.ts';

export interface LatencyProxies extends AsyncDisposable {
  /** Addresses of the proxies in the order of the nodes. */
  readonly addresses: readonly Address[];
  /** Directs a client of sentinels or of a cluster to the proxies instead of the reported nodes. */
  readonly natMap: Readonly<Record<string, Address>>;
  /**
   * From now on, delays each reply by the given time, including replies on existing connections; 0 removes the delay.
   */
  setLatency(latencyMs: number, jitterMs?: number): void;
}

export async function startLatencyProxies(nodes: readonly Address[]): Promise<LatencyProxies> {
  const proxies = await Promise.all(nodes.map((node) => ProxyServer.start(node)));
  const addresses = proxies.map(({ address }) => address);
  return {
    addresses,
    natMap: Object.fromEntries(
      nodes.map(({ host, port }, i) => [`${host}:${port}`, addresses[i] as Address]),
    ),
    setLatency(latencyMs, jitterMs = 0) {
      for (const proxy of proxies) {
        if (latencyMs === 0) proxy.remove('slow');
        else proxy.add('slow', { type: 'latency', attributes: { latency: latencyMs, jitter: jitterMs } });
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}
