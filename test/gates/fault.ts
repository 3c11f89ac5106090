/**
 * A planted fault: its description, the drills that must show it, the criterion that must fail, and the text with which
 * the criterion's remedy names the cause. One file each in `faults/`; the file's name is the fault's id.
 */
import type { Environment, Heal } from '../../infra/substrates/environment.ts';

interface PlantedFault {
  /** The fault as a statement: "A replica writes nothing to disk". */
  readonly what: string;
  readonly drills: readonly string[];
  readonly criterion: string;
  /** `FAIL` makes the run a no-go, the others leave it unknown. */
  readonly state: 'FAIL' | 'INVALID' | 'NOT_MEASURED' | 'INSUFFICIENT';
  /** The criterion is a measured time or an answer in time: on a busy machine it is INVALID. */
  readonly isTimed?: boolean;
  /** Words that the remedy must contain. */
  readonly remedy: readonly string[];
}

/** Environments that keep running for all live faults of their group. */
export type GroupName = 'sentinels' | 'encrypted' | 'cluster';

/** A change of running servers. */
export interface LiveFault extends PlantedFault {
  readonly kind: 'live';
  readonly group: GroupName;
  plant(environment: Environment): Promise<Heal>;
}

/** Wrongly rendered files of servers: the environment is started only for this fault. */
export interface RenderedFault extends PlantedFault {
  readonly kind: 'rendered';
  /** Settings by path, over those of the environment `dev`. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export type ServerFault = LiveFault | RenderedFault;
