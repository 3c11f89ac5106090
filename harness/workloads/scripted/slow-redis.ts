/**
 * Replies are late, slow, truncated or lost: the script sets toxics in front of every master, one after the other, and
 * uses the same cache with all of them. Under each toxic, all kinds of calls are sent in parallel, then one after the
 * other until the breaker is open. After each toxic, Redis must serve the same cache again.
 *
 * Each INCR uses its own key and bypasses the cache and the fallback, so a repeated INCR is visible at the end.
 */
import type { Cache } from '../../../client/index.ts';
import type { Toxic } from '../../faults/proxy/index.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, errorOf, type MasterProxy, type ScriptContext } from './script.ts';

const defaults = {
  commandTimeoutMs: 400,
  /** The deadline of a caller is the client's command timeout plus `slackMs` for everything else. */
  slackMs: 500,
  callsOfKind: 6,
  valueBytes: 16_000,
  maximumCalls: 50,
  recoveryBoundMs: 10_000,
};

interface Ailment {
  readonly toxics: readonly Toxic[];
  /** Whether no reply arrives complete and in time, so that the breaker must open. */
  readonly isFatal: boolean;
}

/** Toxics by the prefix of their expectations. `timeoutMs` is the deadline of a command. */
const AILMENTS: Readonly<Record<string, (timeoutMs: number) => Ailment>> = {
  jitter: (timeoutMs) => ({
    toxics: [{ type: 'latency', attributes: { latency: timeoutMs / 4, jitter: timeoutMs / 4 } }],
    isFatal: false,
  }),
  latency: (timeoutMs) =>
    fatal({ type: 'latency', attributes: { latency: 3 * timeoutMs, jitter: timeoutMs } }),
  // At this rate, a value of 16 KB takes 16 s.
  bandwidth: () => fatal({ type: 'bandwidth', attributes: { rate: 1 } }),
  // 10 bytes per second.
  dribbled: () =>
    fatal({ type: 'slicer', attributes: { average_size: 1, size_variation: 0, delay: 100_000 } }),
  cut: () => fatal({ type: 'limit_data', attributes: { bytes: 3 } }),
  'slow-close': (timeoutMs) =>
    fatal(
      { type: 'limit_data', attributes: { bytes: 3 } },
      { type: 'slow_close', attributes: { delay: 2 * timeoutMs } },
    ),
  'replies-lost': (timeoutMs) => fatal({ type: 'timeout', attributes: { timeout: timeoutMs / 2 } }),
  'requests-lost': () => fatal({ type: 'timeout', attributes: { timeout: 0 }, stream: 'upstream' }),
  reset: () => ({
    toxics: [{ type: 'reset_peer', attributes: { timeout: 0 }, toxicity: 0.5 }],
    isFatal: false,
  }),
};

type Context = ScriptContext<Resolved<typeof defaults>>;

export const slowRedis = defineScript({
  name: 'slow-redis',
  defaults,
  async run(context) {
    const { open, proxyBeforeMaster, expect, parameters, spec, remember, tag } = context;
    const { commandTimeoutMs, callsOfKind, valueBytes } = parameters;
    const proxy = await proxyBeforeMaster();
    const { breaker } = spec.settings;
    const cache = open({ commandTimeoutMs, breaker: { ...breaker, enabled: true } }, proxy);
    const planted = Array.from({ length: callsOfKind }, (_, n) => `slow:${tag}:planted:${n}`);
    remember(...planted.map((name) => cache.physicalKey(name)));
    const counters: Counter[] = [];
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    try {
      await cache.ping();
      const values = new Map(planted.map((name) => [name, name.padEnd(valueBytes, '.')]));
      await cache.setMany(values);
      for (const [name, ailmentOf] of Object.entries(AILMENTS)) {
        const slow = { name, cache, proxy, planted: values, counters };
        await throughAilment(context, slow, ailmentOf(commandTimeoutMs));
      }
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    await expectAppliedOnce(context, counters);
    expect('all/none-unhandled', 'no rejection was left unhandled', equals(0, unhandled.length));
  },
});

function fatal(...toxics: readonly Toxic[]): Ailment {
  return { toxics, isFatal: true };
}

interface Counter {
  readonly key: string;
  readonly acknowledged: boolean;
}

interface Slow {
  readonly name: string;
  readonly cache: Cache;
  readonly proxy: MasterProxy;
  readonly planted: ReadonlyMap<string, string>;
  readonly counters: Counter[];
}

async function throughAilment(context: Context, slow: Slow, { toxics, isFatal }: Ailment): Promise<void> {
  const { expect, parameters, signal } = context;
  const { name, cache, proxy, planted } = slow;
  for (const [i, toxic] of toxics.entries()) await proxy.add(`${name}-${i}`, toxic);
  try {
    await expectAnswers(context, slow);
    if (isFatal) await expectOpen(context, slow);
  } finally {
    await proxy.reset();
  }
  const key = `${[...planted.keys()][0]}`;
  const value = planted.get(key);
  let read = await cache.lookup<string>(key);
  const isBack = async () => {
    if ((await cache.set(key, value)).source !== 'redis') return false;
    read = await cache.lookup<string>(key);
    return read.source === 'redis';
  };
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  const back = await waitUntil(`Redis to serve writes and reads after ${name}`, isBack, wait).catch(
    () => false,
  );
  expect(`${name}/recovered`, 'writes and reads go to Redis again, without a restart', equals(true, back));
  expect(`${name}/kept`, 'Redis returns the value that was written to it', {
    ...equals(['redis', true], [read.source, read.found && read.value === value]),
  });
}

interface Result {
  readonly isGood: boolean;
  readonly error: string | null;
  readonly tookMs: number;
}

async function timed(call: () => Promise<boolean>): Promise<Result> {
  const startedAt = performance.now();
  let isGood = false;
  const error = await errorOf(async () => {
    isGood = await call();
  });
  return { isGood, error, tookMs: performance.now() - startedAt };
}

/** Sends all kinds of calls in parallel. */
async function expectAnswers({ expect, parameters, remember, tag }: Context, slow: Slow): Promise<void> {
  const { name, cache, planted, counters } = slow;
  const { callsOfKind, commandTimeoutMs, slackMs } = parameters;
  const each = (what: string, call: (key: string, n: number) => Promise<boolean>) =>
    Promise.all(
      Array.from({ length: callsOfKind }, (_, n) => {
        const key = `slow:${tag}:${name}:${what}:${n}`;
        remember(cache.physicalKey(key));
        return timed(() => call(key, n));
      }),
    );
  const names = [...planted.keys()];
  const [loads, reads, writes, increments] = await Promise.all([
    each('load', async (key) => (await cache.getOrCompute(key, () => key)) === key),
    each('read', async (_, n) => {
      const read = await cache.lookup<string>(names[n] ?? '');
      return !read.found || read.value === planted.get(names[n] ?? '');
    }),
    each('write', async (key) => ['redis', 'memory'].includes((await cache.set(key, key)).source)),
    each('counter', async (logical) => {
      const key = cache.physicalKey(logical);
      const failed = await errorOf(async () => cache.connection?.call('INCR', key));
      counters.push({ key, acknowledged: failed === null });
      return true;
    }),
  ]);
  const failures = (results: readonly Result[]) =>
    results.filter(({ isGood }) => !isGood).map(({ error }) => error ?? 'wrong');
  expect(`${name}/answered`, 'loads that threw or returned another value', equals([], failures(loads)));
  expect(`${name}/reads`, 'reads that threw or returned another value', equals([], failures(reads)));
  expect(
    `${name}/writes`,
    'writes that neither Redis nor the memory fallback accepted',
    equals([], failures(writes)),
  );
  const slowest = [...loads, ...reads, ...writes, ...increments].map(({ tookMs }) => tookMs);
  expect(`${name}/within-deadline`, 'the slowest of all calls', {
    relation: 'at-most',
    expected: commandTimeoutMs + slackMs,
    actual: Math.round(Math.max(...slowest)),
    unit: 'ms',
  });
}

/** Reads until the breaker is open; reads are then answered without Redis. */
async function expectOpen({ expect, parameters, remember, tag }: Context, slow: Slow): Promise<void> {
  const { name, cache, planted } = slow;
  const names = [...planted.keys()];
  for (let n = 0; cache.stats().breaker.kind === 'closed' && n < parameters.maximumCalls; n++) {
    await cache.lookup(names[n % names.length] ?? '');
  }
  expect(`${name}/opens`, 'the breaker opens', equals(true, cache.stats().breaker.kind !== 'closed'));
  const key = `slow:${tag}:${name}:open`;
  remember(cache.physicalKey(key));
  const answer = await cache.getOrCompute(key, () => key);
  expect(`${name}/answers-open`, 'a load while the breaker is open returns its value', equals(key, answer));
}

/** Checks the counters. Every INCR used its own key, so a value above 1 means that it was applied twice. */
async function expectAppliedOnce({ expect, masterOf }: Context, counters: readonly Counter[]): Promise<void> {
  let twice = 0;
  let lost = 0;
  for (const { key, acknowledged } of counters) {
    const value = Number((await (await masterOf(key)).get(key)) ?? 0);
    if (value > 1) twice++;
    if (acknowledged && value === 0) lost++;
  }
  const what = 'increments that were applied twice, and acknowledged increments that are not in Redis';
  expect('all/applied-once', what, equals([0, 0], [twice, lost]));
}
