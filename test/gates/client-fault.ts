/**
 * A client fault, planted at the client's public seams. Its file in `faults/client/` is also the module that replaces
 * the client: it exports everything that the client exports, an `openCache` with the fault, and `fault`, which defines
 * how the fault must be caught.
 */

export interface ClientFault {
  /** The fault as a statement: "A batch of 100 keys is acknowledged and not written". */
  readonly what: string;
  /** Drills in which the fault must be detected. */
  readonly drills: readonly string[];
  readonly criterion: string;
  /** With `FAIL` the run must be a no-go, with `NOT_MEASURED` its decision must be unknown. */
  readonly state: 'FAIL' | 'NOT_MEASURED';
  /**
   * True if the criterion is a measured time. On a busy machine the criterion is INVALID, so the run is still not a GO.
   */
  readonly isTimed?: boolean;
  /** Texts that the remedy of the criterion must contain. */
  readonly remedy: readonly string[];
}
