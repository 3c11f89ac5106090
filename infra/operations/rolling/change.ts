/**
 * A rolling change: nodes are replaced one after the other, and at most one is missing at any time. Types shared by the
 * substrates, the core (`roll.ts`), the command and the drill.
 *
 *   prepareChange (substrate) ─▶ PreparedChange ─▶ checks, order, interruptions (pure) ─▶ roll ─▶ finish (substrate)
 */
import type { ServerVersion } from '../../redis/server-version.ts';
import type { Environment } from '../../substrates/environment.ts';

/** A node that differs from the configuration. */
export interface NodeChange {
  readonly nodeId: string;
  /** Short names of the differences, such as `settings`, `server`, `certificate`. */
  readonly differences: readonly string[];
}

/** Records, across processes, which node is being replaced, so that an interrupted change continues with that node. */
export interface RollingMark {
  read(): string | undefined;
  /** Records the node. @param nodeId undefined if no node is being replaced */
  write(nodeId: string | undefined): void;
}

/** Replaces individual nodes of a running environment. */
export interface RollingTarget {
  readonly environment: Environment;
  /** Mark of the node that is being replaced; absent if interruptions are not recorded. */
  readonly mark?: RollingMark;
  /**
   * Stops the node, if it is running, and starts it with the new configuration and its own data. Returns when the node
   * replies. Never called for a master that has a replica.
   */
  replaceNode(nodeId: string, progress: (line: string) => void): Promise<void>;
}

/** A change that a substrate has prepared but not yet started. Disposing of it releases its connections. */
export interface PreparedChange extends RollingTarget, AsyncDisposable {
  /** Nodes that differ from the configuration, in the order of the topology. */
  readonly changes: readonly NodeChange[];
  /** Other parts that differ, such as the exporter; `finish` replaces them. */
  readonly parts: readonly string[];
  /** Settings that differ from the applied ones, one sentence each. */
  readonly settings: readonly string[];
  /** Server that a node runs after it is replaced. */
  readonly server: ServerVersion;
  /** Starts the other parts, such as the watchdog, with the new configuration, and records it as applied. */
  finish(progress: (line: string) => void): Promise<void>;
}
