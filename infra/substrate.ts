/**
 * Where a topology is made real. One implementation a folder (`local/`, `docker/`, `attached/`), all held by the same
 * contract suite in `test/contracts/`.
 */
import type { EnvironmentConfig } from '../config/schema.ts';
import type { Environment } from './environment.ts';
import type { Choice, NodeData } from './recovery/choose.ts';
import type { Topology } from './topology.ts';

export interface ApplyOptions {
  /** The environment ends when its handle is disposed, when the process exits, or when the next start finds it orphaned. */
  readonly ephemeral: boolean;
  /** Told in one line what is going on; called often, must not throw. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  readonly adopt?: Adopt | undefined;
  /**
   * The node whose data becomes the master's, whatever the others have; for an environment whose Redis nodes are down.
   * Their data is set aside. Absent: the node with the most recent good data, if that is proven.
   */
  readonly recoverFrom?: string | undefined;
}

/** An environment of this name that another checkout owns. */
export interface ForeignEnvironment {
  readonly environment: string;
  /** Id of the owner. */
  readonly owner: string;
  /** Where the owner works: host and path. */
  readonly place: string;
  readonly isProtected: boolean;
  /** What there is of it, as `container NAME`. */
  readonly parts: readonly string[];
}

/** Asked before an environment is taken over from its owner; absent: it is refused. */
export type Adopt = (foreign: ForeignEnvironment) => Promise<boolean>;

export interface PlanStep {
  readonly action: 'create' | 'keep' | 'replace' | 'remove';
  readonly nodeId: string;
  readonly detail: string;
}

export interface DestroyOptions {
  /** The configuration that the user named, for an environment whose deployed one was not kept here. */
  readonly configuration?: EnvironmentConfig | undefined;
  readonly adopt?: Adopt | undefined;
}

/** What `destroy` ended and removed. Empty lists when there was nothing: destroying twice is not an error. */
export interface DestroyReport {
  readonly ended: readonly string[];
  readonly removed: readonly string[];
}

/** An environment that exists, as it was applied: its configuration and passwords may have changed since. */
export interface FoundEnvironment {
  /** Built from the configuration that was applied, so that `status` and `admin` fit what runs. */
  readonly environment: Environment;
  /** Differences from the configuration and the passwords of today, one sentence each; no secret is in them. */
  readonly differences: readonly string[];
  /** False where the passwords of today are not those of the nodes: `status` works, `admin` does not. */
  readonly hasCredentials: boolean;
}

/** The data of the nodes of one replication stream, and what `apply` would start from. */
export interface DataInspection {
  /** Node that the sentinels name as master; of a cluster, the one that the latest nodes.conf shows. */
  readonly named: string;
  readonly nodes: readonly NodeData[];
  readonly choice: Choice;
}

export interface Substrate {
  readonly name: Environment['substrate'];
  /** What `apply` would do now. Looks, changes nothing. */
  plan(topology: Topology): Promise<readonly PlanStep[]>;
  /**
   * Makes the topology real and returns when it is healthy: every node answers, replicas are in sync, the sentinels
   * agree on the master and see each other. Applying what already runs changes nothing and returns a handle to it.
   *
   * @throws KitError what could not be had, where, and the remedy; nothing is left running in that case
   */
  apply(topology: Topology, options: ApplyOptions): Promise<Environment>;
  /** A handle to an environment that already runs, or undefined. */
  open(topology: Topology): Promise<Environment | undefined>;
  /**
   * Finds the environment of that name, although its configuration or its passwords have changed since it was applied.
   * Looks, changes nothing.
   *
   * @param asked the configuration of today, to compare with; undefined where it cannot be read
   * @returns undefined where nothing of that name runs
   */
  find(name: string, asked: Topology | undefined): Promise<FoundEnvironment | undefined>;
  /**
   * Reads the data of an environment whose Redis nodes are all down, and chooses the node to start from. Changes nothing.
   * Absent where the substrate cannot read the data of nodes that are down.
   *
   * @returns one per replication stream: of a cluster, one per shard; undefined where nothing of that name exists
   * @throws KitError `RECOVERY_REFUSED` while a Redis node runs
   */
  inspectData?(topology: Topology): Promise<readonly DataInspection[] | undefined>;
  /** Ends the environment of that name and removes its data. */
  destroy(environmentName: string, options?: DestroyOptions): Promise<DestroyReport>;
}
