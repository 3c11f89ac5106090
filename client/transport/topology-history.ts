/** Records the state of the nodes since the last adoption of a master. */

import type { Address } from '../api/types.ts';
import { addressKey } from './address.ts';
import { type AnnouncedFailover, furthest } from './failover-announcement.ts';
import type { Role } from './link.ts';
import { type KnownTopology, leadingView, namesAnother, sameView } from './master-election.ts';
import type { SentinelView } from './sentinel-monitor.ts';
import { now } from './timing.ts';

/** How long, in ms, a replica is kept after the master has stopped listing it. */
const UNLISTED_MS = 15_000;
/** How long, in ms, recreated sentinels must agree before their lower epochs are accepted. */
const REBUILT_MS = 5000;

export class TopologyHistory {
  readonly #reach: (announced: Address) => Address;
  readonly #listedAt = new Map<string, number>();
  #topology: KnownTopology = { current: undefined, replicas: new Set(), deposed: new Map() };
  #number = 0;
  /** Time at which all sentinels began to report only this configuration, which is older than the adopted one. */
  #older: { readonly view: SentinelView; readonly since: number } | undefined;

  /**
   * @param reach returns the reachable address for an announced address; the result is the same for all names of a node
   */
  constructor(reach: (announced: Address) => Address) {
    this.#reach = reach;
  }

  /** Number of adopted masters; 0 before the first. */
  get number(): number {
    return this.#number;
  }

  get topology(): KnownTopology {
    return this.#topology;
  }

  translated(views: readonly SentinelView[]): readonly SentinelView[] {
    return views.map((view) => ({ ...view, master: this.#reach(view.master) }));
  }

  adopt(
    address: Address,
    role: Role,
    learnedFrom: 'sentinel' | 'role' | 'same',
    views: readonly SentinelView[],
  ): void {
    this.#number += 1;
    const leading = leadingView(this.translated(views));
    const epoch = Math.max(leading?.epoch ?? 0, this.#topology.current?.epoch ?? 0);
    const deposed = new Map(this.#topology.deposed);
    const former = this.#topology.current?.address;
    if (former && learnedFrom !== 'same') {
      // If the sentinels reported the new master, `epoch` is already its epoch. If it was found through ROLE, they have
      // not reported it yet, and `epoch` is still the epoch of the previous master.
      deposed.set(addressKey(former), { epoch: learnedFrom === 'role' ? epoch : epoch - 1, at: now() });
      this.#listedAt.clear();
    }
    deposed.delete(addressKey(address));
    this.#topology = { current: { address, epoch }, replicas: new Set(this.#listedAt.keys()), deposed };
    if (role.kind === 'master') this.seeReplicas(role.replicas);
  }

  /**
   * Records the replicas that the master lists. A replica that is no longer listed is kept for a while, because it may
   * be reconnecting.
   */
  seeReplicas(announced: readonly Address[]): void {
    const at = now();
    for (const replica of announced) this.#listedAt.set(addressKey(this.#reach(replica)), at);
    for (const [key, listedAt] of this.#listedAt) if (at - listedAt > UNLISTED_MS) this.#listedAt.delete(key);
    this.#topology = { ...this.#topology, replicas: new Set(this.#listedAt.keys()) };
  }

  /**
   * Called when the current master reports that it follows another node, which may be its successor. Records this node,
   * and returns true if it was not known as a replica.
   */
  follows(node: Address, announced: Address): boolean {
    const { current, replicas } = this.#topology;
    if (!current || announced.port === 0 || addressKey(node) !== addressKey(current.address)) return false;
    if (replicas.has(addressKey(this.#reach(announced)))) return false;
    this.seeReplicas([announced]);
    return true;
  }

  /** Records the epoch of the configuration in which the sentinels report the current master. */
  confirm(views: readonly SentinelView[]): void {
    const { current } = this.#topology;
    const leading = leadingView(this.translated(views));
    if (!current || !leading || leading.epoch <= current.epoch) return;
    if (addressKey(leading.master) !== addressKey(current.address)) return;
    this.#topology = { ...this.#topology, current: { ...current, epoch: leading.epoch } };
  }

  /**
   * Accepts lower epochs. Recreated sentinels count their epochs from 0, and waiting for a higher epoch would take as
   * many failovers as have occurred so far. Lower epochs are accepted if a majority replies, all agree, one sentinel
   * has reported a higher epoch before (it must have been recreated, because otherwise an epoch never decreases), and
   * this state lasts for `REBUILT_MS`. `views`: the views of the sentinels that reply.
   */
  rebase(views: readonly SentinelView[], sentinels: number, at = now()): void {
    const { current } = this.#topology;
    const [first, ...rest] = this.translated(views);
    const rebuilt =
      first !== undefined &&
      views.length > sentinels / 2 &&
      current !== undefined &&
      first.epoch < current.epoch &&
      !first.troubled &&
      rest.every((view) => sameView(view, first)) &&
      views.some((view) => view.fell);
    if (!rebuilt) this.#older = undefined;
    else if (!this.#older || !sameView(this.#older.view, first)) this.#older = { view: first, since: at };
    else if (at - this.#older.since >= REBUILT_MS) {
      this.#older = undefined;
      // If the sentinels report another master, the epoch is set lower than theirs, so that their report counts as new.
      const agree = addressKey(first.master) === addressKey(current.address);
      const epoch = agree ? first.epoch : first.epoch - 1;
      this.#topology = { ...this.#topology, current: { ...current, epoch }, deposed: new Map() };
    }
  }

  /** Whether a sentinel reports the current master as down, or is replacing it. */
  troubled(views: readonly SentinelView[]): boolean {
    const { current } = this.#topology;
    return current !== undefined && views.some((view) => view.troubled && view.epoch >= current.epoch);
  }

  /**
   * Returns the failover of the current master that is announced by a sentinel whose configuration is not older than
   * the adopted one.
   */
  announced(views: readonly SentinelView[]): AnnouncedFailover | undefined {
    const { current } = this.#topology;
    if (!current) return undefined;
    const key = addressKey(current.address);
    const ours = this.translated(views).filter(
      ({ master, epoch }) => addressKey(master) === key && epoch >= current.epoch,
    );
    return furthest(ours.flatMap(({ failover }) => failover ?? []));
  }

  /** Whether the sentinels report another master in a newer configuration. */
  contested(views: readonly SentinelView[]): boolean {
    return namesAnother(leadingView(this.translated(views)), this.#topology);
  }
}
