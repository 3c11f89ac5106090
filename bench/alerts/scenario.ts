/** A fault used to verify that the alerts fire, and the objects that it acts on. */
import type { Server } from 'node:http';
import type { Redis } from 'ioredis';
import type { Cache } from '../../client/index.ts';
import type { Environment } from '../../infra/substrates/environment.ts';

/** Metrics that the application serves at /metrics. */
export interface Application {
  readonly cache: Cache;
  readonly server: Server;
  canaryPaused: boolean;
}

export interface Subject {
  readonly environment: Environment;
  /** Folder of the environment on disk. */
  readonly dir: string;
  readonly application: Application;
  /** Returns the current master with an admin connection to it. */
  master(): Promise<{ readonly id: string; readonly redis: Redis }>;
}

export interface Scenario {
  /** Alerts that must fire. */
  readonly alerts: readonly string[];
  readonly fault: string;
  /** Injects the fault and returns a function that heals it. */
  inject(subject: Subject): Promise<() => Promise<void>>;
}

/** Repeats an action until the returned function is called. That function waits for the last repetition. */
export function repeatUntilStopped(action: () => Promise<unknown>): () => Promise<void> {
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) await action();
  };
  const running = run();
  return async () => {
    stopped = true;
    await running.catch(() => undefined);
  };
}
