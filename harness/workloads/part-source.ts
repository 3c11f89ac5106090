/** The module that provides a part, as plain data. */
export interface PartSource {
  readonly url: string;
  /** Path as the user gave it, for messages. */
  readonly path: string;
  /** SHA-256 of the module's file when the command loaded it. The run's manifest contains it. */
  readonly sha256: string;
}
