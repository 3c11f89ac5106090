/**
 * A drill: a workload, a schedule of faults, checkers, a time limit and a seed. Data only, without I/O, so that
 * `kit drill --list` can show a drill, an extension can add one, and only the runner acts.
 */
import type { Capabilities } from '../../infra/substrates/environment.ts';

/**
 * Nodes that a fault affects. The runner resolves them at the time of the injection; several nodes are affected at the
 * same time.
 */
export type Target =
  | 'master'
  | 'replica'
  | 'all-replicas'
  | 'sentinel-1'
  | 'sentinel-2'
  | 'watchdog'
  | 'all-nodes'
  | 'none';

export interface ScheduledFault {
  /** Id of a fault in `harness/faults/`. */
  readonly fault: string;
  readonly target: Target;
  /** Time of the injection, in ms after the start of the workload. */
  readonly atMs: number;
  /**
   * Number of the round. Rounds run one after the other: each waits until the faults of the earlier rounds are healed
   * and the topology is healthy, and preserves the intervals between its own faults. If no fault has a round, there is
   * a single round.
   */
  readonly round?: number;
  /**
   * Makes the replicas lag from `fromMs` on, so that, when the fault is injected, the replicas lack some of the
   * acknowledged writes.
   */
  readonly lag?: { readonly fromMs: number; readonly latencyMs: number };
  /**
   * Condition for healing, one of: a time after the injection has passed (in ms, or as a share of the environment's
   * down-after); the writes of all clients succeed again; the sentinels report a master other than the node; or all
   * faults that have a different condition are healed. The second and third conditions must occur within the time limit
   * of the drill.
   */
  readonly heal:
    | { readonly afterMs: number }
    | { readonly shareOfDownAfter: number }
    | { readonly when: 'recovered' | 'succeeded'; readonly plusMs: number }
    | { readonly when: 'others-healed' };
  /**
   * Maximum time in ms, after healing, during which the drill records whether a node that has come back accepts writes.
   * The recording ends when the node is a replica.
   */
  readonly watchReturnMs?: number;
}

export interface WorkloadSpec {
  /** Name of a workload in `harness/workloads/`. */
  readonly name: string;
  /** Parameters that the workload documents: rates per second, catalogue size, durations. */
  readonly parameters: Readonly<Record<string, number>>;
}

export interface Drill {
  readonly id: string;
  readonly title: string;
  readonly family: 'integration' | 'failover' | 'load' | 'capacity';
  /** Source of the drill: a section of a requirements document, an issue of another project, or a paper. */
  readonly source: string;
  /** Description of the outcome that must hold regardless of timing. */
  readonly safeOutcome: string;
  readonly needs: readonly (keyof Capabilities)[];
  /** Programs required on this machine in addition to the programs of the substrate. */
  readonly needsProgram?: 'libfaketime' | 'prometheus';
  readonly topologies: readonly ('single' | 'sentinel' | 'cluster')[];
  /** Clients that reach the master through a fault proxy; true for all clients. */
  readonly proxied?: boolean | readonly string[];
  /**
   * Names of the clients that run in parallel, each in its own generator (from `clients.ts` or an extension module). If
   * there are several, `--clients` selects among them.
   */
  readonly clients: readonly string[];
  /**
   * Set if the run itself records the drill while it runs all other trials. Such a drill has one trial and no workload
   * in the catalogue.
   */
  readonly spansRun?: true;
  readonly workload: WorkloadSpec;
  readonly faults: readonly ScheduledFault[];
  readonly checkers: readonly string[];
  /** Number of failovers that the faults require; absent if any number is acceptable. */
  readonly neededFailovers?: number;
  /**
   * Kinds of operation that the kit's client must send, and receive an answer to, in each trial. `durable set` is
   * required where the environment promises durable writes.
   */
  readonly operations?: readonly string[];
  /**
   * Every expectation that the script records in each trial, by id. `{redis}`, `{sentinel}`, `{node}` (both) and
   * `{replica}` (`replica-1` and so on) expand to one per node of the environment. `<topology>?<id>` is recorded only
   * on that topology. A missing expectation counts as not checked, so that a script that ends early does not pass on
   * the expectations that it did record.
   */
  readonly expectations?: readonly string[];
  /**
   * Expectations that a slow machine alone can break: a time, an answer from Redis within a timeout, a count that a
   * retry changes. A slow machine never excuses the failure of any other expectation. Placeholders and conditions work
   * as in `expectations`.
   */
  readonly timed?: readonly string[];
  /**
   * Part of the drill that runs against an external Redis; absent if the drill needs nodes that the kit runs. `except`
   * lists expectations that need more than the keys of the run.
   */
  readonly external?: { readonly except?: readonly string[] };
  /** Time limit of a trial; at the limit the trial is aborted, healed and recorded as not measured. */
  readonly boundMs: number;
  /** Profile of `kit readiness` that runs the drill, in addition to the profiles in which it has trials. */
  readonly profile?: 'canary' | 'rehearsal';
  /** Set for a drill in the `capacity` family that the `capacity` profile leaves out. */
  readonly byNameOnly?: true;
  /**
   * Trials per profile. With 0 in `quick`, the drill runs in `full` or when requested by name, and config/gates.yaml
   * lists it as `fullOnly`. With 0 in both, it runs in its `profile` or that of its family, or when requested by name.
   */
  readonly trials: { readonly quick: number; readonly full: number };
}
