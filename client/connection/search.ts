/**
 * The search for the master: a probe on every node that could be it, all at once, until one is found.
 *
 * It runs from the start, after a loss, and beside a connection that is suspected. It does not end by itself.
 */

import { addressKey, parseKey } from '../address.ts';
import type { Address } from '../types.ts';
import { judge, type Knowledge, leadingView, type Situation, type Verdict } from './adoption.ts';
import type { Link, Role } from './link.ts';
import { type Patience, Probe } from './probe.ts';
import type { SentinelView } from './sentinels.ts';

export interface Found {
  readonly link: Link;
  readonly role: Role;
  readonly learnedFrom: Exclude<Verdict, 'no'>;
}

export interface SearchContext {
  readonly knowledge: () => Knowledge;
  readonly views: () => readonly SentinelView[];
  /** Enough of the sentinels were heard for a first decision. */
  readonly decided: () => boolean;
  /** `since`: when the outage or the suspicion began. */
  readonly situation: () => Omit<Situation, 'replicasHeard' | 'former'> & { readonly since: number };
  readonly open: (address: Address, timeoutMs: number) => Promise<Link>;
  readonly patience: () => Patience;
  /** Standalone: the only address there is; it is taken whatever its role. */
  readonly only: Address | undefined;
  readonly found: (found: Found) => void;
  /** A node has answered, or failed to, and is not taken. */
  readonly heard: (address: Address, role: Role | undefined) => void;
}

export class Search {
  readonly #context: SearchContext;
  readonly #probes = new Map<string, Probe>();
  #stopped = false;

  constructor(context: SearchContext) {
    this.#context = context;
    this.refresh();
  }

  /** Probes what is known by now: the sentinels' masters, the replicas, the master that we had. */
  refresh(): void {
    if (this.#stopped) return;
    const { knowledge, views, only } = this.#context;
    const { current, replicas } = knowledge();
    const addresses = only
      ? [only]
      : [
          ...[...replicas].map(parseKey),
          ...views().map((view) => view.master),
          ...(current ? [current.address] : []),
        ];
    for (const address of addresses) {
      const key = addressKey(address);
      if (this.#probes.has(key)) continue;
      const probe = new Probe(
        address,
        (timeoutMs) => this.#context.open(address, timeoutMs),
        this.#context.patience(),
        (heard, role) => this.#judge(heard, role),
      );
      this.#probes.set(key, probe);
    }
  }

  /** Every known replica has answered or failed, in a question that was put after `since`. */
  replicasHeard(since: number): boolean {
    if (this.#context.only) return true;
    return [...this.#context.knowledge().replicas].every(
      (key) => (this.#probes.get(key)?.heardAt ?? -1) >= since,
    );
  }

  /** What the master that we had says since then. */
  #former(since: number): Situation['former'] {
    const { current } = this.#context.knowledge();
    const probe = current && this.#probes.get(addressKey(current.address));
    if (!probe || (probe.heardAt ?? -1) < since) return 'unheard';
    return probe.role?.kind ?? 'silent';
  }

  /** Why nothing has been found, for the error of those who waited. */
  get failures(): string {
    return [...this.#probes]
      .map(
        ([key, probe]) =>
          `${key}: ${probe.failure ?? (probe.heardAt === undefined ? 'no answer' : 'not master')}`,
      )
      .join('; ');
  }

  stop(): void {
    this.#stopped = true;
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }

  #judge(probe: Probe, role: Role | undefined): void {
    if (this.#stopped) return;
    const verdict = role ? this.#verdict(probe.address, role) : 'no';
    const link = verdict === 'no' ? undefined : probe.take();
    if (verdict !== 'no' && link && role) {
      this.stop();
      this.#context.found({ link, role, learnedFrom: verdict });
    } else this.#context.heard(probe.address, role);
  }

  #verdict(address: Address, role: Role): Verdict {
    const situation = this.#context.situation();
    if (this.#context.only) {
      const wanted = situation.kind === 'lost' || situation.owedMs >= situation.replaceAfterMs;
      return role.kind !== 'unready' && wanted ? 'same' : 'no';
    }
    if (!this.#context.knowledge().current && !this.#context.decided()) return 'no';
    return judge(address, role, this.#context.knowledge(), leadingView(this.#context.views()), {
      ...situation,
      replicasHeard: this.replicasHeard(situation.since),
      former: this.#former(situation.since),
    });
  }
}
