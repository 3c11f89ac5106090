/**
 * Runs every warming strategy that the client exports against the environment, each with generated entries: values, and
 * functions that are called only if the entry is absent.
 *
 *   strategies ─▶ CacheWarmer ─▶ report ─┐
 *                      └▶ masters ─▶ raw ┴▶ compared ─▶ a second process reads the entries, without a load
 *
 * Strategies are found in the exports of the client, so that a new one appears in the history. Left out: cron schedules
 * and the generators of an application.
 */

import type { ResolvedStrategy, WarmEntry, WarmingStrategy } from '../../../client/extras/warming/index.ts';
import * as exported from '../../../client/extras/warming/index.ts';
import type { Cache } from '../../../client/index.ts';
import type { Caller } from '../calls/call.ts';
import { valueText } from '../calls/value-text.ts';
import type { Resolved } from '../parameters.ts';
import { hasValue, prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  /** Number of entries per strategy; more than one batch. */
  entries: 24,
  batchSize: 10,
  delayMs: 20,
  storedBoundMs: 10_000,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Exports that create strategies. The drill runs the strategies of each. */
const CREATORS = ['defaultStrategies', 'predictiveStrategy'];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Setting {
  readonly context: Context;
  readonly cache: Cache;
  readonly reader: Caller;
  /** Prefix of the physical keys. */
  readonly prefix: string;
}

export const warming = defineScript({
  name: 'warming',
  defaults,
  async run(context) {
    const { open, startProcess, remember, expect, tag, spec } = context;
    const overrides = { ...RELAXED_LIMITS, namespace: `${spec.settings.namespace}:warming-${tag}` };
    const cache = open(overrides);
    await cache.ping();
    const reader = await startProcess('reader', overrides);
    const setting: Setting = { context, cache, reader, prefix: prefixOf(cache) };
    const creators = Object.keys(exported).filter((name) => /Strateg(?:y|ies)$/.test(name));
    expect('exports', 'exports of the client that create strategies', equals(CREATORS, creators.sort()));
    const warmer = new exported.CacheWarmer(cache, strategiesOf(setting));
    try {
      // The predictive strategy does not run at startup.
      const reports = [...(await warmer.start()), await warmer.run('predictive')];
      for (const strategy of warmer.strategies) {
        const report = reports.find((one) => one.strategy === strategy.name);
        await expectWarmed(setting, strategy, report);
      }
    } finally {
      await warmer.close();
      remember(...(await rawKeys(context, setting.prefix)).keys());
    }
  },
});

const keyOf = (strategy: string, n: number) => `${strategy}:${n}`;
const valueFor = (key: string) => ({ warmed: key });

/** Returns every strategy of the client, with generated entries and small batches. */
function strategiesOf({ context: { parameters }, cache }: Setting): readonly WarmingStrategy[] {
  const { entries, batchSize, delayMs } = parameters;
  const keys = (name: string) => Array.from({ length: entries }, (_, n) => keyOf(name, n));
  const paced = { batchSize, delaySeconds: delayMs / 1_000 };
  const usual = exported.defaultStrategies({}).map((strategy) => ({
    ...strategy,
    ...paced,
    enabled: true,
    generate: (): readonly WarmEntry[] =>
      keys(strategy.name).map((key, n) => [key, n % 2 === 0 ? valueFor(key) : () => valueFor(key)]),
  }));
  const name = 'predictive';
  const nowMs = Date.now();
  const history = new exported.AccessHistory();
  // Yesterday, the keys were read in the current hour and in the next one, of which the strategy chooses one.
  for (const atMs of [nowMs - DAY_MS, nowMs - DAY_MS + HOUR_MS])
    for (const key of keys(name)) history.record(key, atMs);
  const predictive = exported.predictiveStrategy(cache, {
    ...paced,
    ...{ name, history, now: () => nowMs },
    load: (key) => valueFor(key),
  });
  return [...usual, predictive];
}

/** Compares the report of a strategy with the masters, and reads its entries in another process. */
async function expectWarmed(
  { context, reader, prefix }: Setting,
  { name, ttlSeconds }: ResolvedStrategy,
  report: exported.WarmingReport | undefined,
): Promise<void> {
  const { expect, awaitCondition, parameters } = context;
  const { entries, storedBoundMs } = parameters;
  const keys = Array.from({ length: entries }, (_, n) => keyOf(name, n));
  const held = async () => {
    const raw = await rawKeys(context, `${prefix}${name}:`);
    return keys.flatMap((key) => {
      const found = raw.get(`${prefix}${key}`);
      return found !== undefined && hasValue(found) ? [found] : [];
    });
  };
  // The results of functions are stored in the background.
  const isStored = async () => (await held()).length === entries;
  await awaitCondition(`the entries of ${name} on their masters`, isStored, storedBoundMs);
  const stored = await held();
  expect(`${name}/report`, 'entries warmed and failed according to the report', {
    ...equals([entries, 0], [report?.warmed ?? null, report?.failed ?? null]),
  });
  expect(`${name}/stored`, 'planned keys with a value on their masters', equals(entries, stored.length));
  const timely = stored.filter(
    ({ ttlMs }) => ttlMs > 0 && (ttlSeconds === null || ttlMs <= ttlSeconds * 1_000),
  );
  expect(`${name}/ttl`, 'keys that expire within the TTL of the strategy', equals(entries, timely.length));
  const read = await reader.perform({
    ...{ operation: 'getOrComputeMany', keys, values: keys.map(() => 'loaded') },
  });
  const right = (read.answers ?? []).filter((answer, n) => answer === valueText(valueFor(keys[n] ?? '')));
  expect(`${name}/read`, 'entries read by another process, and its loader calls', {
    ...equals([entries, 0], [right.length, read.loaded?.length ?? 0]),
  });
}
