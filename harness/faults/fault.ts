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
  /** An abort ends what can be ended without leaving it half done. */
  inject(environment: Environment, nodeId: string, signal?: AbortSignal): Promise<Injection>;
  /** After an injection that failed: undoes what it did all the same. Says whether there was anything to undo. */
  undo?(environment: Environment, nodeId: string): Promise<boolean>;
}

/** What the substrate says of the node, for an injection that did not come to its end. */
export async function stateOf(environment: Environment, nodeId: string): Promise<string | undefined> {
  return (await environment.status()).find(({ id }) => id === nodeId)?.state;
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
