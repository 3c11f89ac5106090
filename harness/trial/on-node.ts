/** Commands on the nodes of a trial, in which sentinels may close connections at any time. */
import { type Redis, ReplyError } from 'ioredis';
import { poll } from '../../infra/host/wait.ts';
import type { Environment } from '../../infra/substrates/environment.ts';

/** Maximum duration, in ms: several times the command timeout of an admin connection, which is 2 s. */
const BOUND_MS = 10_000;

/**
 * Runs idempotent commands on a node, and repeats them after a connection error: a sentinel that reconfigures a node
 * closes all connections to it, up to a second after the new master accepts writes.
 *
 * @throws ReplyError if Redis replies with an error; the last connection error after 10 s
 */
export async function onNode<T>(
  environment: Environment,
  id: string,
  act: (redis: Redis) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const last = await poll({ timeoutMs: BOUND_MS, signal }, async () => {
    try {
      return { value: await act(await environment.admin(id)) };
    } catch (error) {
      if (error instanceof ReplyError) throw error;
      return { observed: error };
    }
  });
  if ('value' in last) return last.value;
  throw last.observed;
}
