/**
 * Options for the local substrate. A leaf module: the substrate, its start and the recorded state all use these types.
 */
import type { ProgramSink } from '../../host/process.ts';

/** Whether each node has its own address, or all nodes share one and have separate ports. */
export type Addressing = 'address-per-node' | 'port-per-node';

export interface LocalSubstrateOptions {
  /** Directory of the environments; default `.kit` in the working directory. */
  readonly stateDir?: string | undefined;
  /** Path or name of redis-server; default: looked up, and installed if possible. */
  readonly redisServer?: string | undefined;
  /** Whether a missing redis-server may be installed. Default true. */
  readonly install?: boolean | undefined;
  /** Receives the record of every external program that has ended. */
  readonly sink?: ProgramSink | undefined;
  /** Number of the block of addresses to use; default: the first free block. */
  readonly addressBlock?: number | undefined;
  /** Kind of addressing; default: probed. */
  readonly addressing?: Addressing | undefined;
}
