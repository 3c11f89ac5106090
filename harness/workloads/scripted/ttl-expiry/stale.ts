/**
 * Values past their TTL, through each call that loads: they are returned for a limited time while they are refreshed
 * (`staleWhileRevalidateSeconds`), or if their load fails or is slow (`graceSeconds`, `softTimeoutMs`). Afterwards the
 * caller gets a loaded value, the error of the loader, or the error of a load that takes too long (`hardTimeoutMs`).
 *
 * A window that must be open has a length that no machine exceeds, and a window that must be over is awaited.
 */
import type { Cache, ComputeCallOptions, LoadContext } from '../../../../client/index.ts';
import { pause, waitUntil, withTimeout } from '../../../wait.ts';
import { metricValue } from '../../metric-value.ts';
import { hasValue } from '../../raw-keys.ts';
import { equals, errorOf, RELAXED_LIMITS, type ScriptContext } from '../script.ts';

type Context = ScriptContext & {
  readonly parameters: {
    readonly ttlSeconds: number;
    /** Length of a window that ends during the script. */
    readonly windowSeconds: number;
    /** Length of a window that is open until the end of the script. */
    readonly openWindowSeconds: number;
    readonly softTimeoutMs: number;
    readonly hardTimeoutMs: number;
    /** Tolerance in ms beyond the hard timeout, for a busy machine. */
    readonly slackMs: number;
    readonly settleBoundMs: number;
  };
};
type Options = ComputeCallOptions<string>;
type Loader = (context: LoadContext) => Promise<string> | string;
type Loading = (cache: Cache, key: string, load: Loader, options: Options) => Promise<string>;

/** Time in ms after the end of a TTL or a window, for clocks that are rounded to milliseconds. */
const MARGIN_MS = 50;

/** Calls that load. If the call reports that a value is stale, the result begins with `stale`. */
const CALLS: Readonly<Record<string, Loading>> = {
  compute: (cache, key, load, options) => cache.getOrCompute(key, load, options),
  'compute-entry': async (cache, key, load, options) => {
    const { value, stale } = await cache.getOrComputeEntry(key, load, options);
    return stale ? `stale ${value}` : value;
  },
  'compute-many': async (cache, key, load, options) => {
    const loadKey = async (_keys: readonly string[], given: LoadContext) =>
      new Map([[key, await load(given)]]);
    return (await cache.getOrComputeMany([key], loadKey, options)).get(key) ?? 'no value';
  },
};

interface Setting {
  readonly context: Context;
  readonly cache: Cache;
  /** Id of the call in expectations. */
  readonly id: string;
  readonly call: Loading;
  /** Result of a call that returns the old value. */
  readonly old: string;
  /** Called for each answer that is the old value. */
  readonly onStale: () => void;
}

/** Checks all calls concurrently, because each check waits until a TTL has passed. */
export async function expectStaleValues(context: Context): Promise<void> {
  const cache = context.open(RELAXED_LIMITS);
  const count = { answers: 0, events: 0 };
  cache.on(({ type }) => {
    if (type === 'stale') count.events += 1;
  });
  const onStale = () => {
    count.answers += 1;
  };
  await cache.ping();
  const checks = Object.entries(CALLS).flatMap(([id, call]) => {
    const setting = { context, cache, id, call, old: id === 'compute-entry' ? 'stale old' : 'old', onStale };
    return CHECKS.map((check) => check(setting));
  });
  await Promise.all(checks);
  const metric = metricValue(cache.metrics(), 'cache_redis_stale_total');
  context.expect('stale-counted', 'stale answers: in the statistics, in the metrics, and as events', {
    ...equals([count.answers, count.answers, count.answers], [cache.stats().stale, metric, count.events]),
  });
}

const CHECKS = [expectRefreshed, expectGrace, expectSlow, expectOver, expectHardTimeout];

async function expectRefreshed(setting: Setting): Promise<void> {
  const { context, cache, id, old } = setting;
  const { openWindowSeconds } = context.parameters;
  const options = { staleWhileRevalidateSeconds: openWindowSeconds };
  const key = await storeOld(setting, 'refreshed', { options });
  let loads = 0;
  const load = () => {
    loads += 1;
    return 'new';
  };
  const answerNow = () => answerOf(setting, key, load, { ...options, ttlSeconds: openWindowSeconds });
  context.expect(`stale/${id}`, 'a read past the TTL, while the value is refreshed', {
    ...equals(old, await answerNow()),
  });
  await waitUntilRead(context, cache, key, 'new');
  context.expect(`refreshed/${id}`, 'a read after the refresh, and loader calls', {
    ...equals(['new', 1], [await answerNow(), loads]),
  });
}

async function expectGrace(setting: Setting): Promise<void> {
  const { context, id, old } = setting;
  const options = { graceSeconds: context.parameters.openWindowSeconds };
  const key = await storeOld(setting, 'grace', { options });
  context.expect(`grace/${id}`, 'a read past the TTL whose load fails', {
    ...equals(old, await answerOf(setting, key, failingLoad, options)),
  });
}

/** Checks that a slow load returns the old value, and that its own value is stored later. */
async function expectSlow(setting: Setting): Promise<void> {
  const { context, cache, id, old } = setting;
  const { openWindowSeconds, softTimeoutMs } = context.parameters;
  const options = { graceSeconds: openWindowSeconds, softTimeoutMs };
  const key = await storeOld(setting, 'slow', { options });
  const slow = Promise.withResolvers<string>();
  const answer = await answerOf(setting, key, () => slow.promise, {
    ...{ ...options, ttlSeconds: openWindowSeconds },
  });
  slow.resolve('late');
  const isStored = await waitUntilRead(context, cache, key, 'late');
  context.expect(`slow/${id}`, 'a read past the TTL whose load is slow, and whether its value is stored', {
    ...equals([old, true], [answer, isStored]),
  });
}

/** Checks that the old value is not returned once its window is over. */
async function expectOver(setting: Setting): Promise<void> {
  const { context, id } = setting;
  const { windowSeconds } = context.parameters;
  const over = { isOver: true };
  const stale = { staleWhileRevalidateSeconds: windowSeconds };
  const grace = { graceSeconds: windowSeconds };
  const [refreshed, failed] = await Promise.all([
    storeOld(setting, 'over-stale', { options: stale, ...over }),
    storeOld(setting, 'over-grace', { options: grace, ...over }),
  ]);
  const answers = await Promise.all([
    answerOf(setting, refreshed, () => 'new', stale),
    answerOf(setting, failed, failingLoad, grace),
  ]);
  context.expect(`over/${id}`, 'reads after the window: with a load that succeeds, and with one that fails', {
    ...equals(['new', 'RangeError'], answers),
  });
}

/** Checks a load that never ends: its error, its signal, and the time until the error. */
async function expectHardTimeout(setting: Setting): Promise<void> {
  const { context, cache, id } = setting;
  const { hardTimeoutMs, slackMs } = context.parameters;
  const key = keyOf(context, cache, `timeout:${id}`);
  let isAborted = false;
  const load = ({ signal }: LoadContext) => {
    signal.addEventListener('abort', () => {
      isAborted = true;
    });
    return new Promise<string>(() => undefined);
  };
  const startedAt = performance.now();
  const answer = await answerOf(setting, key, load, { hardTimeoutMs });
  const tookMs = Math.round(performance.now() - startedAt);
  context.expect(
    `timeout/${id}`,
    'a load beyond its hard timeout: its error, and whether its signal aborts',
    {
      ...equals(['LOAD_TIMEOUT', true], [answer, isAborted]),
    },
  );
  context.expect(`timely/${id}`, 'a load ends with its hard timeout', {
    ...{ relation: 'at-most', expected: hardTimeoutMs + slackMs, actual: tookMs, unit: 'ms' },
  });
}

/** Stores an old value with a load; returns its key once the TTL is over, and also the window if `isOver` is set. */
async function storeOld(
  { context, cache, id, call }: Setting,
  what: string,
  { options, isOver = false }: { readonly options: Options; readonly isOver?: boolean },
): Promise<string> {
  const { masterOf, parameters, signal } = context;
  const { ttlSeconds, windowSeconds, settleBoundMs } = parameters;
  const key = keyOf(context, cache, `${what}:${id}`);
  const physical = cache.physicalKey(key);
  await call(cache, key, () => 'old', { ...options, ttlSeconds });
  const overAt = performance.now() + 1_000 * (ttlSeconds + (isOver ? windowSeconds : 0)) + MARGIN_MS;
  const redis = await masterOf(physical);
  // The value is stored in the background.
  const isStored = async () => {
    const bytes = await redis.getBuffer(physical);
    return bytes !== null && hasValue({ bytes });
  };
  await waitUntil(`${key} in Redis`, isStored, { boundMs: settleBoundMs, signal }).catch(() =>
    signal.throwIfAborted(),
  );
  await pause(Math.max(0, overAt - performance.now()), signal);
  return key;
}

/** Returns the result of a call, or the code or name of its error. */
async function answerOf(
  { context, cache, call, old, onStale }: Setting,
  key: string,
  load: Loader,
  options: Options,
): Promise<string> {
  const { parameters, signal } = context;
  const wait = { boundMs: parameters.settleBoundMs, signal };
  const result = withTimeout(`the load of ${key}`, call(cache, key, load, options), wait);
  const answer = (await errorOf(() => result)) ?? (await result);
  if (answer === old) onStale();
  return answer;
}

/** Returns whether a read finds the value within the bound. */
function waitUntilRead(
  { parameters, signal }: Context,
  cache: Cache,
  key: string,
  value: string,
): Promise<boolean> {
  const isRead = async () => (await cache.get(key)) === value;
  return waitUntil(`${key} to be ${value}`, isRead, { boundMs: parameters.settleBoundMs, signal }).catch(
    () => {
      signal.throwIfAborted();
      return false;
    },
  );
}

function keyOf({ tag, remember }: Context, cache: Cache, name: string): string {
  const key = `ttl:${tag}:${name}`;
  remember(cache.physicalKey(key));
  return key;
}

function failingLoad(): never {
  throw new RangeError('planned loader failure');
}
