/**
 * Collects the settings that a loader chooses for its result: its TTL, its tags, and whether it is stored.
 *
 *   loader ─▶ setTtlSeconds, skip ─▶ how the result is kept
 *          └▶ addTags ─▶ versions of the tags, from this moment on
 *
 * If this process has invalidated an added tag since the load began, the result is not stored.
 *
 * Left out: reading the versions (`attempt.ts`), and one loader for many keys (`batch.ts`).
 */

import type { LoadContext } from '../api/types.ts';
import { resolveTtl } from '../cache/options.ts';
import type { Flight, SingleFlight } from './single-flight.ts';

export class LoadRequests {
  /** TTL of the result; undefined if the loader did not set it. */
  ttlSeconds: number | null | undefined;
  isSkipped = false;
  readonly #flight: Flight;
  readonly #singleFlight: SingleFlight;
  readonly #takeVersions: (tags: readonly string[]) => Promise<void>;
  #versions: Promise<unknown> | undefined;
  #isOver = false;

  /**
   * @param takeVersions reads the versions of added tags
   * @throws ConfigurationError, SerializationError if a name is invalid, or there are too many tags
   */
  constructor(
    flight: Flight,
    singleFlight: SingleFlight,
    takeVersions: (tags: readonly string[]) => Promise<void>,
  ) {
    this.#flight = flight;
    this.#singleFlight = singleFlight;
    this.#takeVersions = takeVersions;
  }

  /**
   * Returns the context of the loader. Its members are functions instead of methods, because a loader may destructure
   * them (`({ signal, skip }) => …`).
   */
  context(signal: AbortSignal): LoadContext {
    return {
      signal,
      setTtlSeconds: (ttlSeconds) => {
        // A missing value is an error; it does not select the default.
        const checked = resolveTtl('setTtlSeconds', ttlSeconds === undefined ? Number.NaN : ttlSeconds, null);
        if (!this.#isOver) this.ttlSeconds = checked;
      },
      addTags: (...tags) => (this.#isOver ? Promise.resolve() : this.#addTags(tags)),
      skip: () => {
        if (!this.#isOver) this.isSkipped = true;
      },
    };
  }

  /** Called when the loader has returned. After that, calls to the context have no effect. */
  end(): void {
    this.#isOver = true;
  }

  /** Promise that resolves when the versions of the added tags are known; undefined if there is nothing to wait for. */
  get versions(): Promise<unknown> | undefined {
    return this.#versions;
  }

  #addTags(tags: readonly string[]): Promise<void> {
    const taken = this.#takeVersions(tags);
    const { tags: carried } = this.#flight;
    this.#flight.tags = () => [...(carried?.() ?? []), ...tags];
    if (this.#singleFlight.wasInvalidated(this.#flight, tags)) this.#flight.invalidated = true;
    this.#versions = Promise.all([this.#versions, taken]);
    // If the load has failed, no caller awaits the versions, so a rejection is ignored here.
    this.#versions.catch(() => {});
    return taken;
  }
}
