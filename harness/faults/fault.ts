import type { Environment, Heal } from '../../infra/environment.ts';

export interface Injection {
  /** Undoes it; safe to call twice. */
  readonly heal: Heal;
  /** What was observed, for the history. */
  readonly detail?: string;
}

/** A fault: returns once its effect has been observed. What the substrate cannot do is refused before. */
export interface Fault {
  readonly id: string;
  inject(environment: Environment, nodeId: string): Promise<Injection>;
}

/** The heal, run at most once; later calls wait for the same run. A heal that failed may be tried again. */
export function once(heal: Heal): Heal {
  let run: Promise<void> | undefined;
  return () => {
    run ??= heal().catch((error: unknown) => {
      run = undefined;
      throw error;
    });
    return run;
  };
}
