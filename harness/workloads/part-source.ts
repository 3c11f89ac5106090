/** The module of a part, as plain data. */
export interface PartSource {
  readonly url: string;
  /** Path as the user gave it, for messages. */
  readonly path: string;
  /** SHA-256 of the module's file when the command loaded it. The manifest of the run has it. */
  readonly sha256: string;
}
