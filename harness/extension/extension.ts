/** Exports of an extension module. Types only: the module adds data and functions, and the kit calls them. */
import type { Checker } from '../checkers/checker.ts';
import type { Drill } from '../drills/drill.ts';
import type { Fault } from '../faults/fault.ts';
import type { ScriptedWorkload } from '../workloads/scripted/script.ts';

/**
 * Parts in addition to those of the kit. Ids and names must be unique. Gates come from a file (`--gates`); codecs and
 * warming strategies are options of the client.
 */
export interface Extension {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** Data only, as in `harness/drills/`. */
  readonly drills?: readonly Drill[];
  /** Faults with injection and heal, for any substrate. */
  readonly faults?: readonly Fault[];
  /** Pure functions of a history: no clock, disk or network. They run again whenever the run is judged. */
  readonly checkers?: readonly Checker[];
  /** Scripts that a drill names as its workload. */
  readonly workloads?: readonly ScriptedWorkload[];
}

/** Identity of the module that a run used; sealed with the run. */
export interface ExtensionIdentity {
  readonly name: string;
  /** As named by the user: relative to the working directory if it is inside it, or the name of a package. */
  readonly path: string;
  /** SHA-256 of the module's file; files that it imports are not included. */
  readonly sha256: string;
}

export interface LoadedExtension {
  readonly identity: ExtensionIdentity;
  readonly extension: Extension;
}
