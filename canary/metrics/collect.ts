/** Reads the counts of all processes and the facts about Redis: the input to a look. */
import type { Arm } from '../assignment/assignment.ts';
import type { ArmUsers, LookEvent, RedisFacts } from '../judge/types.ts';
import { countsOf } from './arm-counter.ts';
import type { Send } from './generation.ts';
import type { CanaryKeys, UserKind } from './keys.ts';

export interface At {
  readonly generation: number;
  readonly window: number;
}

/** Reads the input to a look. @throws CacheError if Redis does not reply */
export async function collect(
  send: Send,
  keys: CanaryKeys,
  { generation, window }: At,
  options: { readonly maxProcesses: number; readonly atMs: number },
): Promise<LookEvent> {
  // The reply is a list in RESP2 and a set in RESP3.
  const members = [...((await send('SMEMBERS', keys.members(generation))) as Iterable<string>)].sort();
  const counted = members.slice(0, options.maxProcesses);
  const hashes = await Promise.all(
    counted.map(async (id) => recordOf(await send('HGETALL', keys.counts(generation, id)))),
  );
  const users = async (arm: Arm): Promise<ArmUsers> => {
    const size = async (kind: UserKind) =>
      Number(await send('SCARD', keys.users(generation, window, kind, arm)));
    const [seen, affected] = await Promise.all([size('seen'), size('affected')]);
    return { seen, affected };
  };
  const [canary, control, redis] = await Promise.all([users('canary'), users('control'), redisFacts(send)]);
  return {
    type: 'look',
    atMs: options.atMs,
    generation,
    window,
    arms: { canary: countsOf('canary', hashes), control: countsOf('control', hashes) },
    users: { canary, control },
    redis,
    processes: members.length,
  };
}

/** Returns the reply to HGETALL as an object: it is a flat list in RESP2 and a map in RESP3. */
function recordOf(reply: unknown): Readonly<Record<string, string>> {
  if (reply instanceof Map) return Object.fromEntries(reply);
  if (!Array.isArray(reply)) return (reply ?? {}) as Record<string, string>;
  return Object.fromEntries(
    Array.from({ length: reply.length / 2 }, (_, i) => [String(reply[2 * i]), String(reply[2 * i + 1])]),
  );
}

/**
 * Returns an empty INFO reply if the user is not allowed to run INFO, so that the judge works without the facts about
 * Redis.
 */
function withoutPermission(error: unknown): string {
  if ((error as { code?: unknown } | null)?.code === 'NOPERM') return '';
  throw error;
}

/** Returns the facts about one master. In a cluster, they describe only the node that replies. */
async function redisFacts(send: Send): Promise<RedisFacts> {
  const startedAt = performance.now();
  await send('PING');
  const pingMs = Math.round((performance.now() - startedAt) * 1000) / 1000;
  const info = String(await send('INFO').catch(withoutPermission));
  const field = (name: string): number | null => {
    const text = new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1];
    return text === undefined ? null : Number(text);
  };
  const [used, most] = [field('used_memory'), field('maxmemory')];
  return {
    memoryRatio: used === null || most === null || most === 0 ? null : Math.round((used / most) * 1e6) / 1e6,
    evictedKeys: field('evicted_keys'),
    rejectedConnections: field('rejected_connections'),
    pingMs,
  };
}
