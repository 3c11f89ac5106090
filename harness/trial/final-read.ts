/**
 * After the heal: what every raw node holds of the keys that were written, and the removal of those keys. Past the client
 * and its fallback, over admin connections, replicas included.
 */
import { decodeEnvelope } from '../../client/index.ts';
import type { Environment } from '../../infra/environment.ts';
import type { Clock } from '../clock.ts';
import type { Recorder } from '../recorder.ts';
import type { WrittenKey } from '../workloads/issuer.ts';
import { logicalValue } from '../workloads/values.ts';

const BATCH = 500;

export async function readAllNodes(
  environment: Environment,
  written: readonly WrittenKey[],
  history: { readonly recorder: Recorder; readonly clock: Clock },
): Promise<void> {
  for (const { id } of environment.topology.redis) {
    const redis = await environment.admin(id);
    const [role] = (await redis.call('ROLE')) as readonly [string];
    for (const batch of batches(written)) {
      const values = await redis.mgetBuffer(batch.map(({ key }) => key));
      history.recorder.record({
        type: 'final',
        node: id,
        redisRole: role === 'master' ? 'master' : 'replica',
        atUs: history.clock.nowUs(),
        entries: batch.map(({ key, encoding }, i) => [key, decode(values[i] ?? null, encoding)] as const),
      });
    }
  }
}

/** Removes the keys from the master, so that the next trial starts on what this one found. */
export async function removeKeys(environment: Environment, written: readonly WrittenKey[]): Promise<void> {
  const master = await environment.masterId();
  if (master === undefined || written.length === 0) return;
  const redis = await environment.admin(master);
  for (const batch of batches(written)) await redis.unlink(batch.map(({ key }) => key));
}

/** The logical value; bytes that the client's codec refuses are shown as such, not hidden as absent. */
function decode(stored: Buffer | null, encoding: WrittenKey['encoding']): string | null {
  if (stored === null) return null;
  if (encoding === 'raw') return logicalValue(stored.toString('utf8'));
  const decoded = decodeEnvelope(stored);
  return decoded.ok ? logicalValue(String(decoded.value)) : `undecodable: ${decoded.reason}`;
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH);
}
