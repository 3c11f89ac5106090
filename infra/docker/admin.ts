/**
 * Admin connections through the published ports: one a node, opened when first asked for, replaced after it broke. They
 * never retry or queue: an answer that does not come is an answer.
 */
import { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import type { EnvironmentSecrets } from '../../config/secrets.ts';
import type { PlannedNode } from './plan.ts';

const TIMEOUT_MS = 2_000;

export class AdminConnections implements Disposable {
  readonly #open = new Map<string, Promise<Redis>>();
  readonly #secrets: EnvironmentSecrets;
  readonly #ca: string | undefined;

  constructor(secrets: EnvironmentSecrets, ca: string | undefined) {
    this.#secrets = secrets;
    this.#ca = ca;
  }

  /** @throws KitError `NODE_UNREACHABLE` */
  get(planned: PlannedNode): Promise<Redis> {
    const known = this.#open.get(planned.id);
    if (known !== undefined) return known;
    const forget = () => {
      if (this.#open.get(planned.id) === opening) this.#open.delete(planned.id);
    };
    const opening = this.#connect(planned, forget);
    this.#open.set(planned.id, opening);
    opening.catch(forget);
    return opening;
  }

  drop(nodeId: string): void {
    const known = this.#open.get(nodeId);
    this.#open.delete(nodeId);
    known?.then(
      (redis) => redis.disconnect(),
      () => {},
    );
  }

  [Symbol.dispose](): void {
    for (const nodeId of [...this.#open.keys()]) this.drop(nodeId);
  }

  async #connect({ id, node, published }: PlannedNode, onEnd: () => void): Promise<Redis> {
    const users = node.role === 'redis' ? this.#secrets.redis : this.#secrets.sentinel;
    let lastError: Error | undefined;
    const redis = new Redis({
      ...published,
      username: 'admin',
      password: users.admin.reveal(),
      protocol: 2,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: TIMEOUT_MS,
      commandTimeout: TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      ...(this.#ca === undefined ? {} : { tls: { ca: this.#ca } }),
    });
    redis.on('error', (error: Error) => {
      lastError = error;
    });
    redis.on('end', onEnd);
    // The engine's port proxy accepts connections to a container that hangs: only the answer to AUTH tells.
    const timer = setTimeout(() => redis.disconnect(), TIMEOUT_MS);
    try {
      await redis.connect();
      await redis.ping();
      return redis;
    } catch (error) {
      redis.disconnect();
      const why = lastError ?? (error as Error);
      throw new KitError(`${id} at ${published.host}:${published.port} does not answer: ${why.message}`, {
        code: 'NODE_UNREACHABLE',
        exitCode: EXIT.UNKNOWN,
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
}
