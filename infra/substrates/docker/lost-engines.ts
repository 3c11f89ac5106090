/**
 * Remembers engines that did not answer, for a short time. `kit status` queries the engines about eight times, and each
 * query of a lost host takes about 10 s: over ssh, docker connects three times, and waits 3 s for each answer to ARP.
 */
import { KitError } from '../../../config/errors.ts';
import { type Engine, unreachableEngine } from './engines.ts';

/** Longer than the other queries of one command take, and short compared with the return of a host. */
const MEMORY_MS = 15_000;

/** Whether the error means that an engine did not reply, rather than that it replied with an error. */
export const isUnreachable = ({ code }: KitError): boolean =>
  code === 'DOCKER_NO_ENGINE' || code === 'PROGRAM_TIMEOUT';

const lost = new Map<string, { readonly at: number; readonly error: KitError }>();

/**
 * Queries an engine, unless it did not answer a moment ago.
 *
 * @throws KitError the error of the query; `DOCKER_NO_ENGINE` if the engine does not answer
 */
export async function askEngine<T>(engine: Engine, query: () => Promise<T>): Promise<T> {
  const last = lost.get(engine.url);
  if (last !== undefined && performance.now() - last.at < MEMORY_MS) throw last.error;
  try {
    const answer = await query();
    lost.delete(engine.url);
    return answer;
  } catch (cause) {
    if (!(cause instanceof KitError) || !isUnreachable(cause)) throw cause;
    const error = cause.code === 'PROGRAM_TIMEOUT' ? unreachableEngine(engine) : cause;
    lost.set(engine.url, { at: performance.now(), error });
    throw error;
  }
}
