/**
 * Simulates an application that writes durably and reads while the nodes of its environment are replaced, and
 * determines which writes are lost.
 */
import { type Cache, sentinelCache } from '../../client/index.ts';
import type { Environment } from '../../infra/substrates/environment.ts';

/** Opens the kit's client as an application that uses the environment would. */
export const openApplicationCache = (environment: Environment): Cache =>
  sentinelCache(applicationLogin(environment));

/** Returns the client options as plain data. */
export function applicationLogin({ endpoints }: Environment) {
  return {
    ...{ sentinels: endpoints.sentinels, serviceName: endpoints.serviceName, natMap: endpoints.natMap ?? {} },
    ...{ username: endpoints.app.username, password: endpoints.app.password.reveal() },
    sentinelUsername: endpoints.sentinel.username,
    sentinelPassword: endpoints.sentinel.password.reveal(),
  };
}

export interface Load extends AsyncDisposable {
  /** Ends the load, and returns what was observed. */
  stop(): Promise<LoadResult>;
}

export interface LoadResult {
  readonly sent: number;
  /** Keys of the durable writes that were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Number of `getOrCompute` calls that returned no value. */
  readonly unanswered: number;
  /** Longest time between two acknowledged writes, in ms. */
  readonly longestGapMs: number;
  /** End of the longest gap, in ms since the epoch. */
  readonly longestGapAt: number;
  /**
   * Longest delay of the load generator itself, in ms. Any gap that is not longer than this is caused by the generator.
   */
  readonly lateMs: number;
}

const TICK_MS = 10;

/**
 * Sends durable writes and as many `getOrCompute` calls at a constant rate, regardless of their replies (open loop).
 */
export function loadAtRate(cache: Cache, perSecond: number): Load {
  const acknowledged: string[] = [];
  const open = new Set<Promise<unknown>>();
  const startedAt = performance.now();
  let [sent, unanswered, longestGapMs, lastAt] = [0, 0, 0, startedAt];
  let [lateMs, tickAt, longestGapAt] = [0, startedAt, 0];
  const track = (operation: Promise<unknown>) => {
    open.add(operation);
    operation.finally(() => open.delete(operation));
  };
  const write = async (i: number) => {
    const durability = { replicas: 1, timeoutMs: 1_000 };
    const written = await cache.set(`load:${i}`, i, { durability }).catch(() => undefined);
    if (written?.source !== 'redis') return;
    acknowledged.push(`load:${i}`);
    if (performance.now() - lastAt > longestGapMs) {
      longestGapMs = performance.now() - lastAt;
      longestGapAt = Date.now();
    }
    lastAt = performance.now();
  };
  const read = async (i: number) => {
    const value = await cache.getOrCompute(`computed:${i % 1_000}`, () => i).catch(() => undefined);
    if (typeof value !== 'number') unanswered += 1;
  };
  const timer = setInterval(() => {
    lateMs = Math.max(lateMs, performance.now() - tickAt - TICK_MS);
    tickAt = performance.now();
    for (; sent < ((performance.now() - startedAt) * perSecond) / 1_000; sent += 1) {
      track(write(sent));
      track(read(sent));
    }
  }, TICK_MS);
  const stop = async (): Promise<LoadResult> => {
    clearInterval(timer);
    await Promise.all(open);
    const times = { longestGapMs: Math.round(longestGapMs), lateMs: Math.round(lateMs) };
    return { sent, acknowledged, unanswered, longestGapAt, ...times };
  };
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** Returns the keys that the master does not have. */
export async function lostKeys(
  environment: Environment,
  cache: Cache,
  keys: readonly string[],
): Promise<readonly string[]> {
  const master = await environment.admin((await environment.masterId()) as string);
  const lost: string[] = [];
  for (let i = 0; i < keys.length; i += 500) {
    const some = keys.slice(i, i + 500);
    const values = await master.mget(some.map((key) => cache.physicalKey(key)));
    lost.push(...some.filter((_, k) => values[k] === null));
  }
  return lost;
}
