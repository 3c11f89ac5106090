/**
 * The masters have reached `maxclients` connections and refuse every new one. A connected cache is served as before. A
 * cache whose connection is cut, and a cache that is opened during the fault, have no connection: loads answer without
 * Redis, and a call that needs Redis ends with an error that names the cause, within its deadline. Once connections are
 * available again, Redis serves all caches.
 */
import type { Cache } from '../../../client/index.ts';
import { waitUntil } from '../../wait.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, type ScriptContext } from './script.ts';

const defaults = {
  commandTimeoutMs: 500,
  /** The deadline of a caller is the client's command timeout plus `slackMs` for everything else. */
  slackMs: 500,
  callsOfKind: 6,
  maximumCalls: 50,
  lostBoundMs: 2_000,
  recoveryBoundMs: 10_000,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Redis's reply to a connection that exceeds `maxclients`. */
const CAUSE = /max number of clients/;

export const connectionSaturation = defineScript({
  name: 'connection-saturation',
  defaults,
  async run(context) {
    const { open, expect, inject, masters, spec, parameters, signal } = context;
    const { breaker, tls } = { ...spec.settings, ...spec };
    const limits = { commandTimeoutMs: parameters.commandTimeoutMs, breaker: { ...breaker, enabled: true } };
    const cache = open(limits);
    const counters: Counter[] = [];
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    const before = await limitsOf(context);
    try {
      await cache.ping();
      await cache.set(nameOf(context, 'planted'), 'planted');
      const heal = await inject('saturate-connections');
      await expectServed(context, cache);
      await inject('cut-connections');
      const isLost = () => cache.connection?.state.kind !== 'ready';
      await waitUntil('the cache to lose its connection', isLost, {
        boundMs: parameters.lostBoundMs,
        signal,
      });
      // With TLS, the server closes the connection before it can send the reason.
      const cause = tls === undefined ? CAUSE : /./;
      await expectErrors(context, { name: 'cut', cache, cause, counters });
      const opened = open(limits);
      await expectErrors(context, { name: 'new', cache: opened, cause, counters });
      await heal();
      await expectRecovered(context, 'cut', cache);
      await expectRecovered(context, 'new', opened);
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    await expectAppliedOnce(context, counters);
    expect('all/none-unhandled', 'no rejection was left unhandled', equals(0, unhandled.length));
    const now = await limitsOf(context);
    expect('all/limit-restored', `maxclients of ${(await masters()).length} masters`, equals(before, now));
  },
});

interface Counter {
  readonly key: string;
  readonly acknowledged: boolean;
}

interface Unconnected {
  /** Prefix of the expectations for this cache. */
  readonly name: string;
  readonly cache: Cache;
  readonly cause: RegExp;
  readonly counters: Counter[];
}

/** Returns a logical key of this trial, which is removed at its end. */
function nameOf({ tag, remember, spec }: Context, what: string): string {
  const name = `saturation:${tag}:${what}`;
  remember(`${spec.settings.namespace}:${name}`);
  return name;
}

async function limitsOf({ masters }: Context): Promise<readonly string[]> {
  return Promise.all(
    (await masters()).map(async (master) =>
      String(((await master.config('GET', 'maxclients')) as string[])[1]),
    ),
  );
}

async function expectServed(context: Context, cache: Cache): Promise<void> {
  const { expect } = context;
  const read = await cache.lookup<string>(nameOf(context, 'planted'));
  expect('connected/served', 'a connected cache reads from Redis', {
    ...equals(['redis', 'planted'], [read.source, read.found ? read.value : null]),
  });
  const { source } = await cache.set(nameOf(context, 'connected'), 'connected');
  expect('connected/stored', 'a connected cache writes to Redis', equals('redis', source));
}

interface Ended {
  readonly value?: unknown;
  readonly error?: Error;
  readonly tookMs: number;
}

async function timed(call: () => Promise<unknown>): Promise<Ended> {
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  return call().then(
    (value) => ({ value, tookMs: since() }),
    (error: Error) => ({ error, tookMs: since() }),
  );
}

/** Sends calls through a cache that has no connection and cannot get one. */
async function expectErrors(context: Context, unconnected: Unconnected): Promise<void> {
  const { expect, record, clock, parameters } = context;
  const { name, cache, cause, counters } = unconnected;
  const { callsOfKind, commandTimeoutMs, slackMs, maximumCalls } = parameters;
  const each = (what: string, call: (key: string) => Promise<unknown>) =>
    Promise.all(
      Array.from({ length: callsOfKind }, (_, n) => {
        const key = nameOf(context, `${name}:${what}:${n}`);
        return timed(() => call(key)).then((ended) => ({ ...ended, key }));
      }),
    );
  const [loads, reads, increments] = await Promise.all([
    each('load', (key) => cache.getOrCompute(key, () => key)),
    each('read', () => cache.get<string>(nameOf(context, 'planted'))),
    each('counter', async (key) => cache.connection?.call('INCR', cache.physicalKey(key))),
  ]);
  for (const { key, error } of increments)
    counters.push({ key: cache.physicalKey(key), acknowledged: error === undefined });
  expect(`${name}/answered`, 'loads that threw or returned another value', {
    ...equals(0, loads.filter(({ value, key }) => value !== key).length),
  });
  const isWrong = ({ value, error }: Ended) =>
    error !== undefined || ![undefined, 'planted'].includes(value as string);
  expect(
    `${name}/reads`,
    'reads that threw or returned another value',
    equals(0, reads.filter(isWrong).length),
  );
  // In a cluster a shard may lose its connection while a command is in flight; the outcome is then unknown.
  const refused = increments.filter(({ error }) => codeOf(error) !== 'OUTCOME_UNKNOWN');
  const codes = new Set(refused.map(({ error }) => codeOf(error)));
  expect(`${name}/errors`, 'codes of calls that need Redis', equals(['NOT_SENT'], [...codes]));
  const unclear = refused.filter(({ error }) => !cause.test(textOf(error)));
  expect(`${name}/message`, 'errors that do not name the cause', {
    ...equals(
      [],
      unclear.slice(0, 1).map(({ error }) => textOf(error)),
    ),
  });
  const slowestMs = (ended: readonly Ended[]) => Math.round(Math.max(...ended.map(({ tookMs }) => tookMs)));
  const data = {
    ...{ cache: name, loadMs: slowestMs(loads), readMs: slowestMs(reads), incrMs: slowestMs(increments) },
  };
  record({
    ...{ type: 'observe', from: 'workload', name: 'slowest-calls', client: 'kit', atUs: clock.nowUs() },
    data,
  });
  expect(`${name}/within-deadline`, 'the slowest of all calls', {
    relation: 'at-most',
    expected: commandTimeoutMs + slackMs,
    actual: Math.max(data.loadMs, data.readMs, data.incrMs),
    unit: 'ms',
  });
  for (let n = 0; cache.stats().breaker.kind === 'closed' && n < maximumCalls; n++)
    await cache.get(nameOf(context, 'planted'));
  expect(`${name}/opens`, 'the breaker opens', equals(true, cache.stats().breaker.kind !== 'closed'));
}

function codeOf(error: Error | undefined): string | null {
  return error !== undefined && 'code' in error ? String(error.code) : null;
}

/** Joins the messages of an error and its causes. */
function textOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${textOf(error.cause)}`.trim() : '';
}

async function expectRecovered(context: Context, name: string, cache: Cache): Promise<void> {
  const { expect, parameters, signal } = context;
  const key = nameOf(context, `${name}:after`);
  const isBack = async () => {
    if ((await cache.set(key, name)).source !== 'redis') return false;
    const read = await cache.lookup(key);
    return read.found && read.source === 'redis' && read.value === name;
  };
  const wait = { boundMs: parameters.recoveryBoundMs, signal };
  const back = await waitUntil(`Redis to serve the ${name} cache`, isBack, wait).catch(() => false);
  expect(`${name}/recovered`, 'Redis serves the cache again, without a restart', equals(true, back));
}

/**
 * Checks the counters. Every INCR used its own key, so a value above 1 means that it was applied twice, and an INCR
 * whose key has the value 0 must not have been acknowledged.
 */
async function expectAppliedOnce({ expect, masterOf }: Context, counters: readonly Counter[]): Promise<void> {
  const wrong: string[] = [];
  for (const { key, acknowledged } of counters) {
    const value = Number((await (await masterOf(key)).get(key)) ?? 0);
    if (value > 1 || (acknowledged && value === 0)) wrong.push(`${key}: ${value}`);
  }
  expect('all/applied-once', 'increments applied twice, or acknowledged and not in Redis', equals([], wrong));
}
