/**
 * A fault of the client, planted at its public seams. Its file in `faults/client/` is also the module that replaces the
 * client: it exports everything that the client exports, an `openCache` with the fault, and `fault`, which defines how
 * the fault must be caught.
 */

export interface ClientFault {
  /** The fault as a statement: "A batch of 100 keys is acknowledged and not written". */
  readonly what: string;
  /** Drills that must show it. */
  readonly drills: readonly string[];
  readonly criterion: string;
  /** `FAIL` makes the run a no-go, `NOT_MEASURED` leaves it unknown. */
  readonly state: 'FAIL' | 'NOT_MEASURED';
  /** The criterion is a measured time: on a busy machine it is INVALID, and the run is no GO either. */
  readonly isTimed?: boolean;
  /** Words that the remedy of the criterion must contain. */
  readonly remedy: readonly string[];
}
