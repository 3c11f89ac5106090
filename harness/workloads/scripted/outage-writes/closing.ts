/**
 * Closes caches before Redis has received their deletions. If Redis becomes reachable again in time, it receives the
 * deletions; otherwise they are reported as lost, after at most 5 s. Stores that are in flight complete before the
 * cache is closed.
 */
import type { Cache, CacheEvent } from '../../../../client/index.ts';
import type { CacheOverrides } from '../../kit.ts';
import { equals, type MasterProxy, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

/** `close()` waits for at most 5 s; the rest is a margin for a busy machine. */
const CLOSE_MS = 6_000;
/** Delay of each reply, so that `close()` begins before a store is acknowledged. */
const STORE_DELAY_MS = 100;

type Context = ScriptContext & {
  readonly parameters: { readonly keys: number; readonly commandTimeoutMs: number };
};

/** A cache behind a proxy, and its keys, which are in Redis. */
export interface Holder {
  readonly cache: Cache;
  readonly names: readonly string[];
}

/** Opens a cache behind the proxy and stores its values. */
export async function openWithValues(
  context: Context,
  proxy: MasterProxy,
  what: string,
  overrides: CacheOverrides = {},
): Promise<Holder> {
  const { open, parameters, remember, tag } = context;
  const cache = open({ commandTimeoutMs: parameters.commandTimeoutMs, ...overrides }, proxy);
  const names = Array.from({ length: parameters.keys }, (_, n) => `closing:${tag}:${what}:${n}`);
  remember(...names.map((name) => cache.physicalKey(name)));
  await cache.ping();
  await cache.setMany(new Map(names.map((name) => [name, 'old'])));
  return { cache, names };
}

/** Deletes the keys and closes the cache during the outage, which ends shortly afterwards. */
export async function expectReplayed(
  context: Context,
  { cache, names }: Holder,
  proxy: MasterProxy,
): Promise<void> {
  await cache.delete(names);
  const closing = context.retire(cache);
  await proxy.reset();
  const { lost, replayed } = await closing;
  const left = await keysInRedis(context, cache, names);
  context.expect(
    'closing/replayed',
    'deletions that Redis received during close(), reported as lost, keys still in Redis',
    equals([names.length, 0, 0], [replayed, lost.length, left]),
  );
}

/** Closes one cache while its stores are in flight, and another during an outage that outlasts `close()`. */
export async function expectLost(context: Context): Promise<void> {
  const proxy = await context.proxyBeforeMaster();
  await expectStored(context, proxy);
  const { cache, names } = await openWithValues(context, proxy, 'lost');
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  await proxy.down();
  await cache.delete(names);
  const startedAt = performance.now();
  const { lost } = await context.retire(cache);
  const tookMs = Math.round(performance.now() - startedAt);
  const physical = new Set(names.map((name) => cache.physicalKey(name)));
  const namesOf = (keys: readonly string[]) => [
    keys.filter((key) => physical.has(key)).length,
    keys.filter((key) => !physical.has(key)).length,
  ];
  const { expect } = context;
  expect('closing/kept', 'keys of lost deletions that are still in Redis', {
    ...equals(names.length, await keysInRedis(context, cache, names)),
  });
  expect('closing/lost', 'lost deletions that the result of close() names, other keys', {
    ...equals([names.length, 0], namesOf(lost)),
  });
  const told = events.flatMap((event) => (event.type === 'deletions-lost' ? event.keys : []));
  expect('closing/lost-event', 'lost deletions that the event deletions-lost names, other keys', {
    ...equals([names.length, 0], namesOf(told)),
  });
  expect('closing/within', 'close() ends although Redis is unreachable', {
    ...{ relation: 'at-most', expected: CLOSE_MS, actual: tookMs, unit: 'ms' },
  });
  await proxy.reset();
}

async function expectStored(context: Context, proxy: MasterProxy): Promise<void> {
  const { cache, names } = await openWithValues(context, proxy, 'stored', RELAXED_LIMITS);
  await cache.delete(names);
  await proxy.add('delay', { type: 'latency', attributes: { latency: STORE_DELAY_MS } });
  await Promise.all(names.map((name) => cache.getOrCompute(name, () => 'loaded')));
  await context.retire(cache);
  await proxy.remove('delay');
  context.expect('closing/stored', 'loaded values that are in Redis once close() has ended', {
    ...equals(names.length, await keysInRedis(context, cache, names)),
  });
}

async function keysInRedis(context: Context, cache: Cache, names: readonly string[]): Promise<number> {
  let found = 0;
  for (const name of names) {
    const physical = cache.physicalKey(name);
    found += await (await context.masterOf(physical)).exists(physical);
  }
  return found;
}
