/**
 * Types for the exports of an extension module. The module adds data and functions, and the kit calls the functions.
 */
import type { WarmingStrategy } from '../../client/extras/warming/index.ts';
import type { Cache } from '../../client/index.ts';
import type { Checker } from '../checkers/checker.ts';
import type { Drill } from '../drills/drill.ts';
import type { Fault } from '../faults/fault.ts';
import type { Report } from '../reports/report.ts';
import type { GeneratedWorkload } from '../workloads/generated.ts';
import type { CacheClient } from '../workloads/module-client.ts';
import type { ScriptedWorkload } from '../workloads/scripted/script.ts';

/** An additional report for every run. */
export interface ReportFormat {
  /**
   * End of the file name, such as `criteria.csv`. The run folder then contains
   * `report.<name of the extension>.criteria.csv`.
   */
  readonly file: string;
  /** Renders the report. Pure: no clock, disk, network or locale. `kit verify` calls it again and compares the text. */
  readonly render: (report: Report) => string;
}

type Strategies = readonly WarmingStrategy[];

/**
 * Parts that an extension adds to the built-in ones. Ids and names must be unique. Gates come from a file (`--gates`);
 * codecs are options of the client, which writes and reads the values.
 */
export interface Extension {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** Data only, as in `harness/drills/`. */
  readonly drills?: readonly Drill[];
  /** Faults, each with its injection and healing, for any substrate. */
  readonly faults?: readonly Fault[];
  /** Pure functions of a history: no clock, disk or network. They run again whenever the run is judged. */
  readonly checkers?: readonly Checker[];
  /** Scripts and generated workloads that a drill can name as its workload. */
  readonly workloads?: readonly (ScriptedWorkload | GeneratedWorkload)[];
  /**
   * Cache clients that a drill can name, or that `--clients` selects, to run under the same faults as the kit's client.
   */
  readonly clients?: readonly CacheClient[];
  /** Warming strategies for `kit warm`, or a function that takes the open cache and returns the strategies. */
  readonly strategies?: Strategies | ((cache: Cache) => Strategies | Promise<Strategies>);
  readonly reports?: readonly ReportFormat[];
}

/** Identity of the module that a run used; sealed with the run. */
export interface ExtensionIdentity {
  readonly name: string;
  /**
   * Path as the user gave it: relative to the working directory if the module is inside it, or the name of a package.
   */
  readonly path: string;
  /** SHA-256 of the module's file; files that it imports are not included. */
  readonly sha256: string;
}

export interface LoadedExtension {
  /** Path or package name by which the module was loaded. */
  readonly module: string;
  readonly identity: ExtensionIdentity;
  /** URL of the module, for threads that load it again. */
  readonly url: string;
  readonly extension: Extension;
}
