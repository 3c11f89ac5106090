/**
 * What is known about the nodes, by generations: one for each master that was adopted.
 */
import { addressKey, translate } from '../address.ts';
import type { Address } from '../types.ts';
import { type Knowledge, leadingView, namesAnother } from './adoption.ts';
import type { Role } from './link.ts';
import type { SentinelView } from './sentinels.ts';
import { now } from './timing.ts';

/** A replica that its master has not listed for so long is no longer its replica. */
const UNLISTED_MS = 15_000;

export class Generation {
  readonly #natMap: Readonly<Record<string, Address>>;
  readonly #listedAt = new Map<string, number>();
  #knowledge: Knowledge = { current: undefined, replicas: new Set(), deposed: new Map() };
  #number = 0;

  constructor(natMap: Readonly<Record<string, Address>>) {
    this.#natMap = natMap;
  }

  /** 0 before the first master. */
  get number(): number {
    return this.#number;
  }

  get knowledge(): Knowledge {
    return this.#knowledge;
  }

  translated(views: readonly SentinelView[]): readonly SentinelView[] {
    return views.map((view) => ({ ...view, master: translate(view.master, this.#natMap) }));
  }

  adopt(
    address: Address,
    role: Role,
    learnedFrom: 'sentinel' | 'role' | 'same',
    views: readonly SentinelView[],
  ): void {
    this.#number += 1;
    const leading = leadingView(this.translated(views));
    const epoch = Math.max(leading?.epoch ?? 0, this.#knowledge.current?.epoch ?? 0);
    const deposed = new Map(this.#knowledge.deposed);
    const former = this.#knowledge.current?.address;
    if (former && learnedFrom !== 'same') {
      // The sentinels' own word for the new master has the new epoch; one learned by ROLE comes before it.
      deposed.set(addressKey(former), { epoch: learnedFrom === 'role' ? epoch : epoch - 1, at: now() });
      this.#listedAt.clear();
    }
    deposed.delete(addressKey(address));
    this.#knowledge = { current: { address, epoch }, replicas: new Set(this.#listedAt.keys()), deposed };
    if (role.kind === 'master') this.seeReplicas(role.replicas);
  }

  /** The replicas that the master lists. One that is missing for a while keeps its place: it may be reconnecting. */
  seeReplicas(announced: readonly Address[]): void {
    const at = now();
    for (const replica of announced) this.#listedAt.set(addressKey(translate(replica, this.#natMap)), at);
    for (const [key, listedAt] of this.#listedAt) if (at - listedAt > UNLISTED_MS) this.#listedAt.delete(key);
    this.#knowledge = { ...this.#knowledge, replicas: new Set(this.#listedAt.keys()) };
  }

  /** Our own master says that it follows another now: that one may be its successor. True when this is news. */
  follows(node: Address, announced: Address): boolean {
    const { current, replicas } = this.#knowledge;
    if (!current || announced.port === 0 || addressKey(node) !== addressKey(current.address)) return false;
    if (replicas.has(addressKey(translate(announced, this.#natMap)))) return false;
    this.seeReplicas([announced]);
    return true;
  }

  /** The sentinels name our master: remember the epoch of that configuration. */
  confirm(views: readonly SentinelView[]): void {
    const { current } = this.#knowledge;
    const leading = leadingView(this.translated(views));
    if (!current || !leading || leading.epoch <= current.epoch) return;
    if (addressKey(leading.master) !== addressKey(current.address)) return;
    this.#knowledge = { ...this.#knowledge, current: { ...current, epoch: leading.epoch } };
  }

  /** The sentinels name another master in a newer configuration. */
  contested(views: readonly SentinelView[]): boolean {
    return namesAnother(leadingView(this.translated(views)), this.#knowledge);
  }
}
