/** Helpers for tests of coherence: a minimal first tier, and a proxy that makes a listener hang. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Address, RedisOptions } from '../../../client/api/types.ts';
import { Coherence, type CoherenceEvent } from '../../../client/l1/coherence.ts';
import { resolveConnection } from '../../../client/options/connection-options.ts';
import type { CacheConnection } from '../../../client/transport/cache-connection.ts';
import { dedicatedConnections } from '../../../client/transport/dedicated-connection.ts';
import { openConnection } from '../../../client/transport/index.ts';
import { type RedisProcess, waitUntil } from '../../support/redis-process.ts';

/** A minimal first tier: the entries that coherence must keep correct. */
export class MinimalTier {
  readonly connection: CacheConnection;
  readonly coherence: Coherence;
  readonly stored = new Map<string, string | null>();
  readonly events: CoherenceEvent[] = [];

  constructor(options: RedisOptions, boundMs?: number, listenAt?: Address) {
    const resolved = resolveConnection(options);
    const beside = dedicatedConnections(resolved);
    this.connection = openConnection(resolved);
    this.coherence = new Coherence(this.connection, {
      prefixes: ['ns:'],
      open: (master) => beside(listenAt ?? master),
      ...(boundMs === undefined ? {} : { boundMs }),
    });
    this.coherence.on((event) => {
      this.events.push(event);
      if (event.type === 'reset') this.stored.clear();
      if (event.type === 'invalidate') for (const key of event.keys) this.stored.delete(key);
    });
  }

  waitUntilLive(): Promise<void> {
    return waitUntil('the first tier is live', () => this.coherence.live);
  }

  async get(key: string): Promise<string | null> {
    if (this.coherence.live && this.stored.has(key)) return this.stored.get(key) as string | null;
    const fill = this.coherence.begin(key);
    let value: string | null | undefined;
    try {
      value = (await this.connection.call('GET', key)) as string | null;
      return value;
    } finally {
      if (fill.end() && value !== undefined) this.stored.set(key, value);
    }
  }

  /** Reads the key and stores it in the tier. */
  async readAndStore(key: string): Promise<void> {
    await waitUntil(`${key} is in the tier`, async () => {
      await this.get(key);
      return this.stored.has(key);
    });
  }

  waitUntilGone(key: string): Promise<void> {
    return waitUntil(`${key} is gone`, () => !this.stored.has(key));
  }

  countEvents(type: CoherenceEvent['type']): number {
    return this.events.filter((event) => event.type === type).length;
  }

  async close(): Promise<void> {
    this.coherence.close();
    await this.connection.close();
  }
}

/** Forwards to Redis until it is stopped. After that, it keeps its connections open and sends nothing. */
export class StuckProxy implements AsyncDisposable {
  readonly address: Address;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #stopped = false;

  private constructor(server: Server, target: Address) {
    this.#server = server;
    this.address = { host: target.host, port: (server.address() as { port: number }).port };
    server.on('connection', (socket) => {
      const upstream = connect(target.port, target.host);
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        if (this.#stopped) one.pause();
        one.on('close', () => other.destroy());
        one.on('error', () => {});
      }
    });
  }

  static async open(target: Address): Promise<StuckProxy> {
    const server = createServer().listen(0, target.host);
    await once(server, 'listening');
    return new StuckProxy(server, target);
  }

  stopForwarding(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.pause();
  }

  resumeForwarding(): void {
    this.#stopped = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Client ids of the node's listeners. */
export async function listListenerIds(node: RedisProcess): Promise<readonly string[]> {
  const list = String(await node.admin().call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
  return [...list.matchAll(/^id=(\d+) .* sub=1 /gm)].map((match) => match[1] as string);
}
