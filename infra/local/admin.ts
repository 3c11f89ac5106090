/**
 * Admin connections: one a node, opened when first asked for, replaced after it broke. They never retry or queue: an
 * answer that does not come is an answer.
 */
import { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import { addressOf, nodeOf, type Site } from './site.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 2_000;

export class AdminConnections implements Disposable {
  readonly #site: Site;
  readonly #open = new Map<string, Promise<Redis>>();

  constructor(site: Site) {
    this.#site = site;
  }

  /** @throws KitError `NODE_UNREACHABLE` */
  get(nodeId: string): Promise<Redis> {
    const open = this.#open.get(nodeId);
    if (open !== undefined) return open;
    const opening = this.#connect(nodeId, () => this.#forget(nodeId, opening));
    this.#open.set(nodeId, opening);
    opening.catch(() => this.#forget(nodeId, opening));
    return opening;
  }

  /** Drops the connection to a node whose process was ended. */
  drop(nodeId: string): void {
    const open = this.#open.get(nodeId);
    this.#open.delete(nodeId);
    open?.then(
      (redis) => redis.disconnect(),
      () => {},
    );
  }

  [Symbol.dispose](): void {
    for (const nodeId of [...this.#open.keys()]) this.drop(nodeId);
  }

  #forget(nodeId: string, connection: Promise<Redis>): void {
    if (this.#open.get(nodeId) === connection) this.#open.delete(nodeId);
  }

  async #connect(nodeId: string, onEnd: () => void): Promise<Redis> {
    const { host, port } = addressOf(this.#site, nodeId);
    const { secrets, tls } = this.#site;
    const user = nodeOf(this.#site, nodeId).role === 'redis' ? secrets.redis.admin : secrets.sentinel.admin;
    let lastError: Error | undefined;
    const redis = new Redis({
      host,
      port,
      username: 'admin',
      password: user.reveal(),
      protocol: 2,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      ...(tls === undefined ? {} : { tls: { ca: tls.material.ca } }),
    });
    redis.on('error', (error: Error) => {
      lastError = error;
    });
    redis.on('end', onEnd);
    // A stopped process still accepts connections (the kernel does): only the answer to AUTH tells.
    const timer = setTimeout(() => redis.disconnect(), CONNECT_TIMEOUT_MS);
    try {
      await redis.connect();
      await redis.ping();
      return redis;
    } catch (error) {
      redis.disconnect();
      const why = lastError ?? (error as Error);
      throw new KitError(`${nodeId} at ${host}:${port} does not answer: ${why.message}`, {
        code: 'NODE_UNREACHABLE',
        exitCode: EXIT.UNKNOWN,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
