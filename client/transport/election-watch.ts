/**
 * Follows a failover that the sentinels announce, and decides whether the replicas are queried and whether writes wait.
 */
import { type Election, NO_ELECTION, nextElection } from './failover-announcement.ts';
import type { SentinelView } from './sentinel-monitor.ts';
import { now } from './timing.ts';
import type { TopologyHistory } from './topology-history.ts';

export class ElectionWatch {
  readonly #history: TopologyHistory;
  #election: Election = NO_ELECTION;

  constructor(history: TopologyHistory) {
    this.#history = history;
  }

  /** Whether the replicas are queried for their role. */
  get isUnderway(): boolean {
    return this.#election.kind !== 'none';
  }

  /** Whether writes wait. */
  get isDecided(): boolean {
    return this.decidedAt !== undefined;
  }

  get decidedAt(): number | undefined {
    return this.#election.kind === 'elected' ? this.#election.since : undefined;
  }

  /**
   * Whether the sentinels are replacing the master. While the master replies, an attempt by one sentinel without the
   * votes of a majority does not count.
   */
  isTroubled(views: readonly SentinelView[], masterReplies: boolean): boolean {
    return masterReplies ? this.isDecided : this.#history.troubled(views);
  }

  observe(views: readonly SentinelView[]): void {
    const announced = this.#history.announced(views);
    // A new master lists its replicas late, so the selected replica might not be listed yet.
    if (announced && announced.kind !== 'attempted' && announced.replica)
      this.#history.seeReplicas([announced.replica]);
    this.#election = nextElection(this.#election, announced, now());
  }
}
