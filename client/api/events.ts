/** Listeners for one kind of event. A listener that throws does not affect the other listeners or the emitter. */
export class Emitter<E> {
  readonly #listeners = new Set<(event: E) => void>();
  readonly #first: ((event: E) => void)[] = [];

  on(listener: (event: E) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds a permanent listener, which is called before all listeners added with `on`. */
  first(listener: (event: E) => void): void {
    this.#first.push(listener);
  }

  emit(event: E): void {
    for (const listener of [...this.#first, ...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
