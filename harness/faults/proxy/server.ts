/**
 * The fault proxy itself: a TCP listener before one upstream, with toxics in both directions. TLS passes through
 * untouched. `process.ts` runs it in a process of its own; tests may run it in theirs.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Address } from '../../../infra/topology.ts';
import { relay } from './relay.ts';
import type { Direction, Toxic } from './toxic.ts';

export interface ProxyServer {
  readonly address: Address;
  add(name: string, toxic: Toxic): void;
  remove(name: string): void;
  /** False is Toxiproxy's `down`: connections are refused, existing ones reset. */
  setEnabled(enabled: boolean): Promise<void>;
  /** No toxics, enabled. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Listens on a free port of `host`; by default the upstream's own, for which its certificate is made out. */
export async function startProxyServer(upstream: Address, host = upstream.host): Promise<ProxyServer> {
  const toxics = new Map<string, Toxic>();
  const sockets = new Set<Socket>();
  let change = Promise.withResolvers<void>();
  let server: Server | undefined;
  let port = 0;

  const changed = () => {
    change.resolve();
    change = Promise.withResolvers<void>();
  };
  const link = (source: Socket, sink: Socket, direction: Direction) =>
    relay({
      source,
      sink,
      toxics: () => [...toxics.values()].filter((toxic) => (toxic.stream ?? 'downstream') === direction),
      changed: () => change.promise,
      random: Math.random,
    });
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      changed();
    });
  };
  const accept = (client: Socket) => {
    const redis = connect(upstream.port, upstream.host);
    track(client);
    track(redis);
    // The other way round is the downstream relay's, which may have a slow_close.
    client.on('close', () => redis.destroy());
    void link(client, redis, 'upstream');
    void link(redis, client, 'downstream');
  };
  const listen = async () => {
    const listener = createServer({ allowHalfOpen: true }, accept);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, resolve);
    });
    server = listener;
    port = (listener.address() as AddressInfo).port;
  };
  const refuse = async () => {
    const listener = server;
    server = undefined;
    const closed = new Promise<void>((resolve) =>
      listener === undefined ? resolve() : listener.close(() => resolve()),
    );
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };

  const setEnabled = async (enabled: boolean) => {
    if (enabled && server === undefined) await listen();
    if (!enabled) await refuse();
  };

  await listen();
  return {
    address: { host, port },
    add(name, toxic) {
      toxics.set(name, toxic);
      changed();
    },
    remove(name) {
      toxics.delete(name);
      changed();
    },
    setEnabled,
    async reset() {
      toxics.clear();
      changed();
      await setEnabled(true);
    },
    close: refuse,
  };
}
