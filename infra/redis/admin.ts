/**
 * Admin connections to the nodes of an environment, on every substrate: one per node, opened on first use and replaced
 * after an error. They never retry or queue, because a missing reply is also a result.
 */
import { Redis } from 'ioredis';
import { EXIT, KitError } from '../../config/errors.ts';
import type { Secret } from '../../config/secret.ts';
import type { Address } from '../topology.ts';
import { DIRECT_CONNECTION } from './connection-options.ts';
import { awaitPing } from './ping.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 2_000;

/** Address of a node, and the credentials of its admin user. */
export interface AdminAccess {
  readonly address: Address;
  readonly password: Secret;
  /** PEM text of the CA, if the node uses TLS. */
  readonly ca: string | undefined;
}

export class AdminConnections implements Disposable {
  readonly #accessOf: (nodeId: string) => AdminAccess;
  readonly #open = new Map<string, Promise<Redis>>();

  /** @param accessOf returns the access data of a node; throws for a node that is not part of the environment */
  constructor(accessOf: (nodeId: string) => AdminAccess) {
    this.#accessOf = accessOf;
  }

  /** Returns the connection to a node. @throws KitError `NODE_UNREACHABLE` */
  get(nodeId: string): Promise<Redis> {
    const open = this.#open.get(nodeId);
    if (open !== undefined) return open;
    const opening = connect(nodeId, this.#accessOf, () => this.#forget(nodeId, opening));
    this.#open.set(nodeId, opening);
    opening.catch(() => this.#forget(nodeId, opening));
    return opening;
  }

  /** Drops the connection to a node whose process has ended. */
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
}

async function connect(
  nodeId: string,
  accessOf: (nodeId: string) => AdminAccess,
  onEnd: () => void,
): Promise<Redis> {
  const access = accessOf(nodeId);
  const { host, port } = access.address;
  let lastError: Error | undefined;
  const redis = new Redis({
    ...DIRECT_CONNECTION,
    host,
    port,
    username: 'admin',
    password: access.password.reveal(),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    ...(access.ca === undefined ? {} : { tls: { ca: access.ca } }),
  });
  redis.on('error', (error: Error) => {
    lastError = error;
  });
  redis.on('end', onEnd);
  // The kernel or an engine's port proxy still accepts connections for a stopped process: only the reply to AUTH proves
  // that the process is running.
  const timer = setTimeout(() => redis.disconnect(), CONNECT_TIMEOUT_MS);
  try {
    await redis.connect();
    await awaitPing(redis);
    return redis;
  } catch (error) {
    redis.disconnect();
    const why = lastError ?? (error as Error);
    throw new KitError(`${nodeId} at ${host}:${port} is unreachable: ${why.message}`, {
      code: 'NODE_UNREACHABLE',
      exitCode: EXIT.UNKNOWN,
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}
