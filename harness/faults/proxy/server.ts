/**
 * The fault proxy itself: a TCP listener in front of one upstream, with toxics in both directions. TLS passes through
 * untouched. `process.ts` runs it in its own process; tests may run it in their process.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Address } from '../../../infra/topology.ts';
import { relay } from './relay.ts';
import type { Direction, Toxic, Traffic } from './toxic.ts';

export class ProxyServer {
  readonly #upstream: Address;
  readonly #host: string;
  readonly #toxics = new Map<string, Toxic>();
  readonly #sockets = new Set<Socket>();
  #change = Promise.withResolvers<void>();
  #server: Server | undefined;
  #port = 0;
  #connections = 0;
  #bytes = 0;

  private constructor(upstream: Address, host: string) {
    this.#upstream = upstream;
    this.#host = host;
  }

  /** Listens on a free port of `host`; by default the upstream's host, for which the server's certificate is issued. */
  static async start(upstream: Address, host = upstream.host): Promise<ProxyServer> {
    const proxy = new ProxyServer(upstream, host);
    await proxy.#listen();
    return proxy;
  }

  get address(): Address {
    return { host: this.#host, port: this.#port };
  }

  get traffic(): Traffic {
    return { connections: this.#connections, bytes: this.#bytes };
  }

  add(name: string, toxic: Toxic): void {
    this.#toxics.set(name, toxic);
    this.#changed();
  }

  remove(name: string): void {
    this.#toxics.delete(name);
    this.#changed();
  }

  /**
   * Enables or disables the proxy. A disabled proxy is Toxiproxy's `down`: new connections are refused, existing ones
   * reset.
   */
  async setEnabled(enabled: boolean): Promise<void> {
    if (!enabled) await this.close();
    else if (this.#server === undefined) await this.#listen();
  }

  /** Removes all toxics and enables the proxy. */
  async reset(): Promise<void> {
    this.#toxics.clear();
    this.#changed();
    await this.setEnabled(true);
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  /** Listens on the previous port, so that clients can reconnect. */
  async #listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, this.#host, resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    this.#connections += 1;
    const redis = connect(this.#upstream.port, this.#upstream.host);
    this.#track(client);
    this.#track(redis);
    // The relay for the downstream direction handles that side, which may have a slow_close.
    client.on('close', () => redis.destroy());
    void this.#relay(client, redis, 'upstream');
    void this.#relay(redis, client, 'downstream');
  }

  #relay(source: Socket, sink: Socket, direction: Direction): Promise<void> {
    return relay({
      source,
      sink,
      toxics: () => [...this.#toxics.values()].filter(({ stream = 'downstream' }) => stream === direction),
      changed: () => this.#change.promise,
      random: Math.random,
      passed: (bytes) => {
        this.#bytes += bytes;
      },
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#changed();
    });
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
