/**
 * Records whether a node that has come back accepts writes. A deposed master that accepts writes acknowledges data that
 * its successor never receives. Probes with a write, because ROLE alone does not show whether `min-replicas-to-write`
 * refuses writes.
 */
import type { Environment } from '../../infra/substrates/environment.ts';
import type { Clock } from '../history/clock.ts';
import type { Recorder } from '../history/recorder.ts';
import { pause } from '../wait.ts';

const PROBE_EVERY_MS = 50;
const PROBE_KEY = 'kit:returned-node';
const PROBE_TTL_MS = 1_000;

export interface WatchContext {
  readonly environment: Environment;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Probes the node until it is a replica or the time limit is reached. */
export async function watchReturn(
  { environment, recorder, clock, signal }: WatchContext,
  { node, boundMs }: { readonly node: string; readonly boundMs: number },
): Promise<void> {
  const endUs = clock.nowUs() + boundMs * 1_000;
  for (let isReplica = false; !isReplica && clock.nowUs() < endUs; ) {
    const seen = await probeNode(environment, node).catch((error: Error) => ({
      role: null,
      writable: false,
      error: error.message.slice(0, 100),
    }));
    recorder.record({
      type: 'observe',
      from: 'drill',
      name: 'returned',
      node,
      atUs: clock.nowUs(),
      data: seen,
    });
    isReplica = seen.role === 'slave';
    if (!isReplica) await pause(PROBE_EVERY_MS, signal);
  }
}

async function probeNode(environment: Environment, node: string) {
  const admin = await environment.admin(node);
  const [role] = (await admin.call('ROLE')) as readonly unknown[];
  const refusal = await admin.set(PROBE_KEY, node, 'PX', PROBE_TTL_MS).then(
    () => undefined,
    (error: Error) => error.message.slice(0, 100),
  );
  return {
    role: String(role),
    writable: refusal === undefined,
    ...(refusal !== undefined && { error: refusal }),
  };
}
