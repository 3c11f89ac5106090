/**
 * Discovers the master: probes every candidate in parallel until one is accepted.
 *
 * A discovery runs at startup, after the connection is lost, and in parallel while the connection is suspect. It ends
 * only when it is stopped or has found the master.
 */

import type { Address } from '../api/types.ts';
import { addressKey, parseKey } from './address.ts';
import type { Link, Role } from './link.ts';
import {
  type Decision,
  evaluateCandidate,
  type KnownTopology,
  leadingView,
  type OutageState,
} from './master-election.ts';
import { Probe, type TimeoutRange } from './probe.ts';
import type { SentinelView } from './sentinel-monitor.ts';

export interface Found {
  readonly link: Link;
  readonly role: Role;
  readonly learnedFrom: Exclude<Decision, 'no'>;
}

export interface MasterDiscoveryContext {
  readonly topology: () => KnownTopology;
  readonly views: () => readonly SentinelView[];
  /** Whether enough sentinels have replied for a first decision. */
  readonly decided: () => boolean;
  /** `since`: start of the outage or the suspicion. */
  readonly outage: () => Omit<OutageState, 'replicasHeard' | 'former'> & { readonly since: number };
  readonly open: (address: Address, timeoutMs: number) => Promise<Link>;
  readonly timeoutRange: () => TimeoutRange;
  /** The only address of a standalone server, which is accepted in any role. */
  readonly only: Address | undefined;
  readonly found: (found: Found) => void;
  /** Called when a node has replied or failed, and was not accepted. */
  readonly heard: (address: Address, role: Role | undefined) => void;
}

export class MasterDiscovery {
  readonly #context: MasterDiscoveryContext;
  readonly #probes = new Map<string, Probe>();
  #stopped = false;

  constructor(context: MasterDiscoveryContext) {
    this.#context = context;
    this.refresh();
  }

  /** Probes all known candidates: masters reported by sentinels, replicas, the last known master. */
  refresh(): void {
    if (this.#stopped) return;
    const { topology, views, only } = this.#context;
    const { current, replicas } = topology();
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
        this.#context.timeoutRange(),
        (heard, role) => this.#evaluate(heard, role),
      );
      this.#probes.set(key, probe);
    }
  }

  /** Whether every known replica has replied to a probe sent after `since`, or the probe has failed. */
  replicasHeard(since: number): boolean {
    if (this.#context.only) return true;
    return [...this.#context.topology().replicas].every(
      (key) => (this.#probes.get(key)?.heardAt ?? -1) >= since,
    );
  }

  /** Role that the previous master reported at or after `since`. */
  #former(since: number): OutageState['former'] {
    const { current } = this.#context.topology();
    const probe = current && this.#probes.get(addressKey(current.address));
    if (!probe || (probe.heardAt ?? -1) < since) return 'unheard';
    return probe.role?.kind ?? 'silent';
  }

  /** Reasons why no master was found, for errors of waiting commands. */
  get failures(): string {
    return [...this.#probes]
      .map(
        ([key, probe]) =>
          `${key}: ${probe.failure ?? (probe.heardAt === undefined ? 'no reply' : 'not master')}`,
      )
      .join('; ');
  }

  stop(): void {
    this.#stopped = true;
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }

  #evaluate(probe: Probe, role: Role | undefined): void {
    if (this.#stopped) return;
    const decision = role ? this.#decision(probe.address, role) : 'no';
    const link = decision === 'no' ? undefined : probe.take();
    if (decision !== 'no' && link && role) {
      this.stop();
      this.#context.found({ link, role, learnedFrom: decision });
    } else this.#context.heard(probe.address, role);
  }

  #decision(address: Address, role: Role): Decision {
    const outage = this.#context.outage();
    if (this.#context.only) {
      const wanted = outage.kind === 'lost' || outage.owedMs >= outage.replaceAfterMs;
      return role.kind !== 'unready' && wanted ? 'same' : 'no';
    }
    if (!this.#context.topology().current && !this.#context.decided()) return 'no';
    return evaluateCandidate(address, role, this.#context.topology(), leadingView(this.#context.views()), {
      ...outage,
      replicasHeard: this.replicasHeard(outage.since),
      former: this.#former(outage.since),
    });
  }
}
