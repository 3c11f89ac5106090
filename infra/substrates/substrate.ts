/**
 * Contract of a substrate, which runs a topology. One implementation per folder (`local/`, `docker/`, `external/`), all
 * tested by the same contract suite in `test/contracts/`.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { PreparedChange } from '../operations/rolling/change.ts';
import type { Choice, NodeData } from '../recovery/choose.ts';
import type { Topology } from '../topology.ts';
import type { Environment } from './environment.ts';

export interface ApplyOptions {
  /**
   * Whether the environment ends when its handle is disposed, when the process exits, or when the next start finds it
   * without an owner.
   */
  readonly ephemeral: boolean;
  /** Receives the current step in one line; called often, must not throw. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  readonly adopt?: Adopt | undefined;
  /**
   * Node whose data the master starts with, if all Redis nodes of the environment are down; the data of all other nodes
   * is set aside. If absent, the node with the most recent good data is used, if it can be determined.
   */
  readonly recoverFrom?: string | undefined;
}

/** An environment with this name that another checkout owns. */
export interface ForeignEnvironment {
  readonly environment: string;
  /** Id of the owner. */
  readonly owner: string;
  /** Location of the owner: host and path. */
  readonly place: string;
  readonly isProtected: boolean;
  /** Parts of the environment, as `container NAME`. */
  readonly parts: readonly string[];
}

/** Confirms that an environment may be taken over from its owner; if absent, the takeover is refused. */
export type Adopt = (foreign: ForeignEnvironment) => Promise<boolean>;

export interface PlanStep {
  readonly action: 'create' | 'keep' | 'replace' | 'remove';
  readonly nodeId: string;
  readonly detail: string;
}

export interface DestroyOptions {
  /** Configuration that the user named, if this state directory has no record of the deployed one. */
  readonly configuration?: EnvironmentConfig | undefined;
  readonly adopt?: Adopt | undefined;
}

/** Everything that `destroy` ended and removed. Empty lists if nothing existed: destroying twice is not an error. */
export interface DestroyReport {
  readonly ended: readonly string[];
  readonly removed: readonly string[];
}

/** An existing environment as it was applied: its configuration and passwords may have changed since. */
export interface FoundEnvironment {
  /** Built from the applied configuration, so that `status` and `admin` match the running nodes. */
  readonly environment: Environment;
  /** Differences from the current configuration and passwords, one sentence each; never a secret. */
  readonly differences: readonly string[];
  /** Whether the nodes have the current passwords. If false, `status` works, but `admin` does not. */
  readonly hasCredentials: boolean;
}

/** Data of the nodes of one replication stream, and the node from which `apply` would start. */
export interface DataInspection {
  /** Node that the sentinels report as master; for a cluster, the owner in the latest nodes.conf. */
  readonly named: string;
  readonly nodes: readonly NodeData[];
  readonly choice: Choice;
}

/** Options for starting an environment whose Redis nodes are all down. */
export interface RecoverOptions {
  /** Node whose data is used, regardless of the data of other nodes. */
  readonly from?: string | undefined;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Substrate {
  readonly name: Environment['substrate'];
  /** Plans `apply`. Changes nothing. */
  plan(topology: Topology): Promise<readonly PlanStep[]>;
  /**
   * Applies the topology and returns when it is healthy: every node replies, replicas are in sync, the sentinels agree
   * on the master and have discovered each other. Idempotent: applying a running topology changes nothing and returns a
   * handle to it.
   *
   * @throws KitError with the missing resource, its location and the remedy; after an error, nothing is left running
   */
  apply(topology: Topology, options: ApplyOptions): Promise<Environment>;
  /** Returns a handle to a running environment; undefined if it is not running. */
  open(topology: Topology): Promise<Environment | undefined>;
  /**
   * Finds the environment with the given name, even if its configuration or its passwords have changed since it was
   * applied. Changes nothing.
   *
   * @param asked the current configuration to compare with; undefined if it cannot be read
   * @returns undefined if no environment with that name is running
   */
  find(name: string, asked: Topology | undefined): Promise<FoundEnvironment | undefined>;
  /**
   * Reads the data of an environment whose Redis nodes are all down, and chooses the node to start from. Changes
   * nothing. Absent if the substrate cannot read the data of nodes that are down.
   *
   * @returns one inspection per replication stream (in a cluster, one per shard); undefined if no environment with
   *   that name exists
   * @throws KitError `RECOVERY_REFUSED` if a Redis node is running
   */
  inspectData?(topology: Topology): Promise<readonly DataInspection[] | undefined>;
  /**
   * Compares every node of a running environment with the topology, and prepares to replace the nodes that differ, one
   * at a time. Changes nothing yet. Absent if the kit does not operate the servers.
   *
   * @returns undefined if the environment is not running
   * @throws KitError `CHANGE_NOT_ROLLING` for settings that cannot differ between two nodes; `SECRETS_CHANGED`
   */
  prepareChange?(
    topology: Topology,
    options: Pick<ApplyOptions, 'progress' | 'signal'>,
  ): Promise<PreparedChange | undefined>;
  /** Ends the environment with the given name and removes its data. */
  destroy(environmentName: string, options?: DestroyOptions): Promise<DestroyReport>;
}
