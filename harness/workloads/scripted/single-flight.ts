/** Concurrent loads by several callers and several processes: loader calls are counted in every process. */
import { pause, waitUntil } from '../../wait.ts';
import type { Call, Caller, Performed } from '../calls/call.ts';
import type { CallerProcess } from '../calls/child.ts';
import { callerOf } from '../calls/perform.ts';
import { valueText } from '../calls/value-text.ts';
import type { Resolved } from '../parameters.ts';
import { hasValue, prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  keys: 20,
  batch: 100,
  callsPerKey: 5,
  loadMs: 60,
  /**
   * Duration of a lease, in ms: longer than any pause on a busy machine, so that only a process that has ended loses
   * its lease.
   */
  leaseMs: 5_000,
  /** Duration of the lease, in ms, in the process that ends. */
  shortLeaseMs: 1_000,
  /** Tolerance in ms beyond the lease, for a busy machine. */
  slackMs: 5_000,
  storedBoundMs: 5_000,
  /** Seconds for which the result of a load without a value is kept; longer than a lease. */
  negativeTtlSeconds: 60,
};

/** Duration that is longer than any drill. */
const ENDLESS_MS = 600_000;

type Context = ScriptContext<Resolved<typeof defaults>>;

interface Setting {
  readonly context: Context;
  readonly here: Caller;
  readonly other: Caller;
  /** Prefix of the physical keys. */
  readonly prefix: string;
}

export const singleFlight = defineScript({
  name: 'single-flight',
  defaults,
  async run(context) {
    const { open, startProcess, remember, tag, spec, parameters } = context;
    const overrides = {
      namespace: `${spec.settings.namespace}:flights-${tag}`,
      ...RELAXED_LIMITS,
      compute: { ...RELAXED_LIMITS.compute, leaseMs: parameters.leaseMs },
    };
    const short = { ...overrides, compute: { ...overrides.compute, leaseMs: parameters.shortLeaseMs } };
    const cache = open(overrides);
    const prefix = prefixOf(cache);
    const waiter = callerOf('waiter', open(short));
    const [other, dying] = await Promise.all([
      startProcess('other process', overrides),
      startProcess('dying process', short),
    ]);
    await cache.ping();
    const setting: Setting = { context, here: callerOf('this process', cache), other, prefix };
    try {
      await expectOneLoad(setting, 'one-process', [setting.here]);
      await expectOneLoad(setting, 'two-processes', [setting.here, other]);
      await expectOneLoadOfMany(setting);
      await expectErrors(setting);
      await expectNothingKept(setting);
      await expectNothingForgotten(setting);
      await expectNullKept(setting);
      await expectNewerKept(setting);
      await expectLeaseEnds(setting, waiter, dying);
    } finally {
      remember(...(await rawKeys(context, prefix)).keys());
    }
  },
});

/** Makes several concurrent calls per key and process, then one more call once the value is stored. */
async function expectOneLoad(setting: Setting, id: string, callers: readonly Caller[]): Promise<void> {
  const { context, here } = setting;
  const { keys, callsPerKey, loadMs } = context.parameters;
  const names = Array.from({ length: keys }, (_, n) => `${id}:${n}`);
  const calls = names.flatMap((name) =>
    callers.flatMap((caller) =>
      Array.from({ length: callsPerKey }, () =>
        caller.perform({
          ...{ operation: 'getOrCompute', keys: [name], values: [name], load: { takesMs: loadMs } },
        }),
      ),
    ),
  );
  const performed = await Promise.all(calls);
  const expected = names.flatMap((name) => callers.flatMap(() => Array(callsPerKey).fill(name) as string[]));
  const right = performed.filter(({ answers }, i) => answers?.[0] === valueText(expected[i])).length;
  context.expect(`${id}/answers`, 'every caller has the loaded value', equals(calls.length, right));
  context.expect(
    `${id}/loads`,
    'loader calls of all processes, one per key',
    equals(keys, loadsOf(performed)),
  );
  await waitUntilStored(setting, names);
  const again = await Promise.all(
    [...callers, here].flatMap((caller) =>
      names.map((name) => caller.perform({ operation: 'getOrCompute', keys: [name], values: ['again'] })),
    ),
  );
  context.expect(`${id}/no-more-loads`, 'loader calls once the value is stored', equals(0, loadsOf(again)));
}

async function expectOneLoadOfMany(setting: Setting): Promise<void> {
  const { context, here, other } = setting;
  const { batch, loadMs } = context.parameters;
  const names = Array.from({ length: batch }, (_, n) => `many:${n}`);
  const call: Call = { operation: 'getOrComputeMany', keys: names, values: names, load: { takesMs: loadMs } };
  const performed = await Promise.all([here, here, other].map((caller) => caller.perform(call)));
  const right = performed.filter(({ answers = [] }) =>
    names.every((name, i) => answers[i] === valueText(name)),
  );
  context.expect(
    'many/answers',
    'every caller has all loaded values',
    equals(performed.length, right.length),
  );
  context.expect('many/loads', 'keys that the loaders of all processes were called for', {
    ...equals(batch, loadsOf(performed)),
  });
}

/** Checks that an error of the loader reaches every caller, and that nothing is stored. */
async function expectErrors(setting: Setting): Promise<void> {
  const { context, here, other } = setting;
  const load = { takesMs: context.parameters.loadMs, fails: true };
  const call: Call = { operation: 'getOrCompute', keys: ['error'], values: ['never'], load };
  const performed = await Promise.all([here, here, other].map((caller) => caller.perform(call)));
  const held = await keysAfterRelease(setting, 'error');
  context.expect('error/thrown', 'calls that end with the error of the loader, and values in Redis', {
    ...equals([performed.length, 0], [performed.filter(({ error }) => error === 'Error').length, held]),
  });
}

/** Checks that the result of a load without a value is kept for the requested time, for all processes. */
async function expectNothingKept({ context, here, other, prefix }: Setting): Promise<void> {
  const { leaseMs, negativeTtlSeconds, storedBoundMs } = context.parameters;
  const name = 'nothing:kept';
  const call: Call = {
    ...{ operation: 'getOrCompute', keys: [name], values: [undefined], negativeTtlSeconds },
  };
  const first = await here.perform(call);
  let ttlMs = 0;
  // The lease, which is in the same place, has a shorter TTL.
  const isStored = async () => {
    ttlMs = (await rawKeys(context, `${prefix}${name}`)).get(`${prefix}${name}`)?.ttlMs ?? 0;
    return ttlMs > leaseMs;
  };
  await context.awaitCondition('a load without a value in Redis', isStored, storedBoundMs);
  const again = [
    await here.perform(call),
    await other.perform(call),
    await other.perform({ ...call, operation: 'getOrComputeMany' }),
  ];
  const isTimely = ttlMs > leaseMs && ttlMs <= 1_000 * negativeTtlSeconds;
  context.expect(
    'nothing/kept',
    'a load without a value, with a TTL for it: answers, loader calls, whether the key in Redis has this TTL',
    equals(
      [[null, null, null, null], 1, true],
      [answersOf([first, ...again]), loadsOf([first, ...again]), isTimely],
    ),
  );
}

/** Checks that the result of a load without a value is not kept unless the caller requests it. */
async function expectNothingForgotten(setting: Setting): Promise<void> {
  const { context, here, other } = setting;
  const name = 'nothing:forgotten';
  const call: Call = { operation: 'getOrCompute', keys: [name], values: [undefined] };
  const performed: Performed[] = [];
  let held = 0;
  for (const caller of [here, here, other]) {
    performed.push(await caller.perform(call));
    held += await keysAfterRelease(setting, name);
  }
  context.expect('nothing/forgotten', 'loads without a value: answers, loader calls, keys in Redis', {
    ...equals([[null, null, null], 3, 0], [answersOf(performed), loadsOf(performed), held]),
  });
}

/** Checks that null is stored like any other value. */
async function expectNullKept(setting: Setting): Promise<void> {
  const { context, here, other } = setting;
  const name = 'nothing:null';
  const call: Call = { operation: 'getOrCompute', keys: [name], values: [null] };
  const first = await here.perform(call);
  await waitUntilStored(setting, [name]);
  const again = [
    await here.perform(call),
    await other.perform(call),
    await other.perform({ ...call, operation: 'getOrComputeMany' }),
    await other.perform({ operation: 'lookup', keys: [name] }),
  ];
  const performed = [first, ...again];
  context.expect('nothing/null', 'a load of null, and reads of it: answers, loader calls', {
    ...equals([performed.map(() => valueText(null)), 1], [answersOf(performed), loadsOf(performed)]),
  });
}

/**
 * Waits until the lease of a load that stored nothing is released, which happens in the background; returns the number
 * of remaining keys.
 */
async function keysAfterRelease({ context, prefix }: Setting, name: string): Promise<number> {
  let held = 0;
  const isReleased = async () => {
    held = (await rawKeys(context, `${prefix}${name}`)).size;
    return held === 0;
  };
  await context.awaitCondition(`no key of ${name} in Redis`, isReleased, context.parameters.storedBoundMs);
  return held;
}

/**
 * Checks that a value that is set or deleted during a load stays set or deleted. The third key shows that the load was
 * stored.
 */
async function expectNewerKept(setting: Setting): Promise<void> {
  const { context, here, other, prefix } = setting;
  const names = ['overwritten', 'deleted', 'untouched'].map((name) => `during:${name}`);
  const [overwritten = '', deleted = '', untouched = ''] = names;
  const load = { takesMs: 5 * context.parameters.loadMs };
  const loads = names.map((name) =>
    other.perform({ operation: 'getOrCompute', keys: [name], values: ['loaded'], load }),
  );
  await pause(context.parameters.loadMs, context.signal);
  await here.perform({ operation: 'set', keys: [overwritten], values: ['newer'] });
  await here.perform({ operation: 'set', keys: [deleted], values: ['newer'] });
  await here.perform({ operation: 'delete', keys: [deleted] });
  await Promise.all(loads);
  await waitUntilStored(setting, [untouched]);
  const { answers } = await here.perform({ operation: 'getMany', keys: names });
  context.expect('newer/kept', 'values after loads that began before a set, a deletion and nothing', {
    ...equals([valueText('newer'), null, valueText('loaded')], [...(answers ?? [])]),
  });
  const held = await rawKeys(context, `${prefix}${deleted}`);
  context.expect('newer/not-restored', 'the load does not restore the deleted key', equals(0, held.size));
}

/** Checks that a waiter loads the value itself once the lease of a process that ended has expired. */
async function expectLeaseEnds(
  { context, prefix }: Setting,
  waiter: Caller,
  dying: CallerProcess,
): Promise<void> {
  const { parameters, signal, expect } = context;
  const key = 'left';
  const load: Call = { operation: 'getOrCompute', keys: [key], load: { takesMs: ENDLESS_MS } };
  const lost = dying.perform(load).catch(() => undefined);
  const isLeased = async () => {
    const held = [...(await rawKeys(context, prefix)).keys()];
    return held.some((name) => name.endsWith(key) || name.endsWith(`${key}}`));
  };
  const wait = { boundMs: parameters.storedBoundMs, signal };
  const leased = await waitUntil('the lease of the process that will end', isLeased, wait).catch(() => false);
  await dying.kill();
  await lost;
  const call: Call = { operation: 'getOrCompute', keys: [key], values: ['second'] };
  const { answers, tookMs } = await waiter.perform(call);
  expect(
    'lease/answer',
    'the process had a lease; a waiter loads the value itself once the lease has ended',
    {
      ...equals([true, valueText('second')], [leased === true, answers?.[0] ?? null]),
    },
  );
  expect('lease/wait', 'the waiter waits no longer than the lease', {
    relation: 'at-most',
    expected: parameters.shortLeaseMs + parameters.slackMs,
    actual: Math.round(tookMs),
    unit: 'ms',
  });
}

/** Waits until the values are stored, which happens in the background. */
async function waitUntilStored({ context, prefix }: Setting, names: readonly string[]): Promise<void> {
  const isStored = async () => {
    const held = await rawKeys(context, prefix);
    return names.every((name) => {
      const found = held.get(`${prefix}${name}`);
      return found !== undefined && hasValue(found);
    });
  };
  await context.awaitCondition('loaded values in Redis', isStored, context.parameters.storedBoundMs);
}

/** Returns the first answer of each call, or its error. */
function answersOf(performed: readonly Performed[]): (string | null)[] {
  return performed.map(({ answers, error = 'no answer' }) =>
    answers?.[0] === undefined ? error : answers[0],
  );
}

function loadsOf(performed: readonly Performed[]): number {
  return performed.reduce((sum, { loaded = [] }) => sum + loaded.length, 0);
}
