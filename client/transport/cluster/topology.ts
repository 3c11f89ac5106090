/**
 * Assigns slots to shards, from the views of all nodes. For each slot, the claim with the highest epoch wins, as it
 * does among the nodes themselves. A shard is a master and its replicas. A shard outlives its masters, because a
 * promoted replica was already a member. Left out: connections (`connection.ts`), and the current master (the shard's
 * supervisor).
 */

import type { Address } from '../../api/types.ts';
import { addressKey } from '../address.ts';
import type { SentinelView } from '../sentinel-monitor.ts';
import type { ClusterView, NodeLine } from './nodes.ts';
import { isNamed, type Located } from './redirection.ts';
import { SLOTS } from './slot.ts';

export class Shard {
  /** Id of the node that owns the slots of the shard, according to the last views. */
  masterId: string;

  constructor(masterId: string) {
    this.masterId = masterId;
  }
}

export class Topology {
  /** Shards by node id. */
  readonly #members = new Map<string, Shard>();
  #owners: readonly (Shard | undefined)[] = [];
  #shards: ReadonlySet<Shard> = new Set();
  #views: readonly ClusterView[] = [];

  /** Shards with slots, in the order of the slots. */
  get shards(): ReadonlySet<Shard> {
    return this.#shards;
  }

  get addresses(): readonly Address[] {
    const addresses = new Map<string, Address>();
    for (const view of this.#views)
      for (const { address } of view.nodes.values()) addresses.set(addressKey(address), address);
    return [...addresses.values()];
  }

  owner(slot: number): Shard | undefined {
    return this.#owners[slot];
  }

  /** Whether the shard has slots, or a node that may receive some. */
  has(shard: Shard): boolean {
    return this.#shards.has(shard) || this.#views.some(({ nodes }) => nodes.has(shard.masterId));
  }

  /** Returns the shard of a node, given any of the node's names or its reachable address. */
  at(address: Address): Shard | undefined {
    const line = this.#lineOf(address);
    return line && this.#members.get(line.id);
  }

  /**
   * Returns the shard that a redirection points to. A redirection may omit the host
   * (`cluster-preferred-endpoint-type`). The shard is then found by the host of the redirecting node and the given
   * port, or by the port alone if only one node uses it. If the name of the node is unknown, the shard is found by the
   * migrating slot.
   *
   * @param from reachable address of the redirecting node
   */
  target({ to, slot, kind }: Located, from: Address | undefined): Shard | undefined {
    const known = isNamed(to) ? this.at(to) : this.#besides(to.port, from);
    return known ?? (kind === 'asking' ? this.#migratingTo(slot) : undefined);
  }

  /** Returns the reachable address of a node with any of its names; undefined if it is unknown. */
  reach(name: Address): Address | undefined {
    return this.#lineOf(name)?.address;
  }

  #lineOf(address: Address): NodeLine | undefined {
    const key = addressKey(address);
    for (const { nodes } of this.#views)
      for (const line of nodes.values())
        if (addressKey(line.address) === key || line.names.some((name) => addressKey(name) === key))
          return line;
    return undefined;
  }

  #besides(port: number, from: Address | undefined): Shard | undefined {
    const hosts = from ? [from, ...(this.#lineOf(from)?.names ?? [])].map(({ host }) => host) : [];
    for (const host of hosts) {
      const shard = this.at({ host, port });
      if (shard) return shard;
    }
    const ids = new Set<string>();
    for (const { nodes } of this.#views)
      for (const { id, names } of nodes.values()) if (names[0]?.port === port) ids.add(id);
    const [only, ...others] = ids;
    return only !== undefined && others.length === 0 ? this.#members.get(only) : undefined;
  }

  #migratingTo(slot: number): Shard | undefined {
    for (const { nodes } of this.#views)
      for (const { migrating } of nodes.values()) {
        const id = migrating.get(slot);
        if (id !== undefined) return this.#members.get(id);
      }
    return undefined;
  }

  /** Applies a redirection, which is newer than all views and remains in effect until the next view. */
  redirect(slot: number, shard: Shard): void {
    const owners = [...this.#owners];
    owners[slot] = shard;
    this.#owners = owners;
  }

  update(views: readonly ClusterView[]): void {
    this.#views = views;
    const owners = claimedSlots(views);
    const masters = new Set(owners.filter((id) => id !== undefined));
    const taken = new Set<Shard>();
    for (const id of [...masters].sort((a, b) => Number(this.#leads(b)) - Number(this.#leads(a)))) {
      const known = this.#members.get(id);
      // Two masters of one shard now form two shards.
      const shard = known && !taken.has(known) ? known : new Shard(id);
      shard.masterId = id;
      taken.add(shard);
      this.#members.set(id, shard);
    }
    for (const { nodes } of views) for (const line of nodes.values()) this.#join(line, masters);
    this.#owners = owners.map((id) => (id === undefined ? undefined : this.#members.get(id)));
    this.#shards = new Set(this.#owners.filter((shard) => shard !== undefined));
  }

  /** Returns each node's view of the shard's master. */
  viewsOf(shard: Shard): readonly SentinelView[] {
    return this.#views.flatMap(({ at, nodes }) => {
      let master: NodeLine | undefined;
      for (const line of nodes.values()) {
        if (line.master !== undefined || this.#members.get(line.id) !== shard) continue;
        const candidate = line.slots.length > 0 || line.id === shard.masterId;
        if (candidate && (!master || rankOf(line) > rankOf(master))) master = line;
      }
      if (!master) return [];
      return [{ master: master.address, epoch: master.epoch, troubled: master.troubled, at, fell: false }];
    });
  }

  #leads(id: string): boolean {
    return this.#members.get(id)?.masterId === id;
  }

  /**
   * Adds a node to a shard: replicas belong to the shard of their master; a master without slots gets a shard without
   * slots.
   */
  #join({ id, master }: NodeLine, masters: ReadonlySet<string | undefined>): void {
    if (masters.has(id)) return;
    const shard = this.#members.get(master ?? id);
    if (shard) this.#members.set(id, shard);
    else if (master === undefined) this.#members.set(id, new Shard(id));
  }
}

/** Returns the rank of a node: nodes with slots first, then by epoch. */
function rankOf({ slots, epoch }: NodeLine): number {
  return (slots.length > 0 ? 1e15 : 0) + epoch;
}

function claimedSlots(views: readonly ClusterView[]): readonly (string | undefined)[] {
  const claims = views.flatMap(({ nodes }) => [...nodes.values()].filter(({ slots }) => slots.length > 0));
  claims.sort((a, b) => a.epoch - b.epoch);
  const owners = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const { id, slots } of claims) for (const [first, last] of slots) owners.fill(id, first, last + 1);
  return owners;
}
