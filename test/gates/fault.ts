/**
 * A planted fault: its description, the drills that must reveal it, the criterion that must fail, and the texts with
 * which the criterion's remedy names the cause. Each fault has a file in `faults/`, whose name is the id of the fault.
 */
import type { Environment, Heal } from '../../infra/substrates/environment.ts';

interface PlantedFault {
  /** The fault as a statement: "A replica writes nothing to disk". */
  readonly what: string;
  readonly drills: readonly string[];
  readonly criterion: string;
  /** With `FAIL` the run must be a no-go; with the other states its decision must be unknown. */
  readonly state: 'FAIL' | 'INVALID' | 'NOT_MEASURED' | 'INSUFFICIENT';
  /** True if the criterion is a measured time, or requires a reply in time. On a busy machine it is INVALID. */
  readonly isTimed?: boolean;
  /** Texts that the remedy must contain. */
  readonly remedy: readonly string[];
}

/** Environments, each of which keeps running for all live faults of its group. */
export type GroupName = 'sentinels' | 'encrypted' | 'cluster';

/** A fault in running servers. */
export interface LiveFault extends PlantedFault {
  readonly kind: 'live';
  readonly group: GroupName;
  plant(environment: Environment): Promise<Heal>;
}

/** A fault in rendered files; an environment is started only for this fault. */
export interface RenderedFault extends PlantedFault {
  readonly kind: 'rendered';
  /** Settings by path, which override those of the `dev` environment. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export type ServerFault = LiveFault | RenderedFault;
