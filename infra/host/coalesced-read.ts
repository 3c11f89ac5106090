/**
 * Coalesces concurrent reads that are expensive, such as those that run a program: at most one runs at a time.
 *
 *   idle ──read──▶ running ──read, read──▶ running, next (shared by all callers in the meantime) ──end──▶ running ─▶ …
 *
 * A caller never gets a result of a read that began before its call, so it sees its own earlier changes. Results are
 * not kept.
 */
export function coalescedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const started = read().finally(() => {
      if (running === started) running = undefined;
    });
    running = started;
    return started;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return running ?? start();
      });
    return next;
  };
}
