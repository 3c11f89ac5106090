/**
 * Limits the connections to one ssh server. Each docker command opens a connection, and sshd drops some of them at random
 * if 10 have not logged in yet (MaxStartups 10:30:100 in sshd_config). `kit drift` alone runs 13 commands at once.
 */
import { ConcurrencyLimit } from '../../host/concurrency.ts';
import type { Engine } from './engines.ts';
import { sshTarget } from './ssh-target.ts';

/** Half of the default of sshd, because other programs connect to the host as well. */
export const SSH_CONNECTIONS = 5;

/** Parallel operations of a destroy: each may open a connection, and the default of the kit is 64. */
export const SSH_PARALLELISM = 10;

const limits = new Map<string, ConcurrencyLimit>();

/** Runs a docker command; for an engine at ssh://, waits while too many others run on the same host. */
export function withConnection<T>(engine: Engine | undefined, run: () => Promise<T>): Promise<T> {
  if (engine === undefined || sshTarget(engine.url) === undefined) return run();
  const limit = limits.get(engine.url) ?? new ConcurrencyLimit(SSH_CONNECTIONS);
  limits.set(engine.url, limit);
  return limit.run(run);
}
