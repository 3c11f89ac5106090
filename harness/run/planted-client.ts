/**
 * A replacement for the kit's client in the drills of one run: a wrapper or subclass with a planted fault, so that a
 * suite can show that the verdict detects the fault. Only tests may import this file (test/architecture.test.ts): no
 * flag, variable or file of the `kit` command refers to it, and the manifest of such a run lists the module among its
 * deviations.
 */

/** Client with a planted fault. @see plantClient */
export class PlantedClient {
  /** URL of the module, see `workloads/client-module.ts`. */
  readonly module: string;
  // Private, so that no object created elsewhere has this type.
  readonly #planted = true;

  constructor(module: URL) {
    this.module = module.href;
  }

  /** Sentence for the manifest. */
  get deviation(): string {
    return this.#planted ? `the client under test is not the kit's own: ${this.module}` : '';
  }
}
