/** The handle to a Redis that somebody else runs: one node, the master of the moment, and no way to do anything to it. */
import type { Redis } from 'ioredis';
import type { AttachTarget } from '../../config/attach.ts';
import { Secret } from '../../config/secret.ts';
import type { ClientEndpoints, Environment, NodeStatus } from '../environment.ts';
import type { Address, Topology } from '../topology.ts';
import { charter } from './charter.ts';
import { connectTo, trusted } from './connection.ts';
import { type Found, masterOf } from './preflight.ts';

/** Whoever is master: how many others there are is not known. */
const MASTER = 'redis-1';

export class AttachedEnvironment implements Environment {
  readonly substrate = 'attached';
  readonly name: string;
  readonly topology: Topology;
  readonly endpoints: ClientEndpoints;
  readonly capabilities = {};
  readonly provenance: Readonly<Record<string, string>>;
  readonly departures: readonly string[];
  /** Its logs are its owner's. */
  readonly logs: ReadonlyMap<string, string> = new Map();
  readonly #target: AttachTarget;
  #admin: Promise<Redis> | undefined;

  constructor(topology: Topology, target: AttachTarget, found: Found) {
    this.#target = target;
    this.topology = topology;
    this.name = topology.environment.name;
    this.endpoints = endpointsOf(target, found.master);
    const places = target.addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
    this.provenance = {
      'redis-version': found.version,
      'redis-server': found.server,
      attached: `${target.mode}, ${places}`,
    };
    this.departures = [
      `attached to a Redis that somebody else runs: ${charter(`${topology.environment.client.namespace}:`)}`,
      'of the configuration only client.* holds there; how the server is configured is not known',
    ];
  }

  async admin(_nodeId: string): Promise<Redis> {
    const open = this.#admin;
    if (open !== undefined) return open;
    const opening = this.#open();
    this.#admin = opening;
    const forget = () => {
      if (this.#admin === opening) this.#admin = undefined;
    };
    opening.then((redis) => redis.on('end', forget), forget);
    return opening;
  }

  async status(): Promise<readonly NodeStatus[]> {
    return [{ id: MASTER, address: await masterOf(this.#target), state: 'running' }];
  }

  async masterId(): Promise<string | undefined> {
    return MASTER;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = this.#admin;
    this.#admin = undefined;
    await open?.then(
      (redis) => redis.disconnect(),
      () => undefined,
    );
  }

  async #open(): Promise<Redis> {
    return connectTo(this.#target, await masterOf(this.#target));
  }
}

function endpointsOf(target: AttachTarget, master: Address): ClientEndpoints {
  const plain = ({ username, password }: AttachTarget['app']) => ({
    // The user of a Redis that knows none.
    username: username ?? 'default',
    password: password ?? new Secret(''),
  });
  const tls = trusted(target);
  return {
    mode: target.mode,
    shared: true,
    serviceName: target.serviceName,
    redis: [master],
    sentinels: target.mode === 'sentinel' ? target.addresses : [],
    db: target.db,
    app: plain(target.app),
    sentinel: plain(target.sentinel),
    ...(tls && { tls }),
  };
}
