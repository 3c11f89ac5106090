import type { Environment, Heal } from '../../infra/substrates/environment.ts';

export interface Injection {
  /** Undoes the fault; safe to call twice. */
  readonly heal: Heal;
  /** The observed effect, for the history. */
  readonly detail?: string;
}

/**
 * A fault. `inject` returns once the effect has been observed. Faults that the substrate cannot inject are refused
 * beforehand.
 */
export interface Fault {
  readonly id: string;
  /** Injects the fault. An abort ends the injection, unless that would leave the fault half injected. */
  inject(environment: Environment, nodeId: string, signal?: AbortSignal): Promise<Injection>;
  /** Undoes the effect of a failed injection. Returns whether there was anything to undo. */
  undo?(environment: Environment, nodeId: string): Promise<boolean>;
}

/** Returns the state of the node according to the substrate, for an injection that did not complete. */
export async function stateOf(environment: Environment, nodeId: string): Promise<string | undefined> {
  return (await environment.status()).find(({ id }) => id === nodeId)?.state;
}

/**
 * Wraps a heal function so that it runs at most once; later calls wait for the same run. If the run fails, the next
 * call starts a new one.
 */
export function runOnce(heal: Heal): Heal {
  let run: Promise<void> | undefined;
  return () => {
    run ??= heal().catch((error: unknown) => {
      run = undefined;
      throw error;
    });
    return run;
  };
}
