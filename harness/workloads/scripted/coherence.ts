/**
 * Keys that are overwritten, deleted and invalidated, and then read through every tier: a plain cache, one with a
 * first tier, and one with a first tier in another process. A plain cache has the new value immediately, a first tier
 * within its bound, also after all connections were cut and opened again.
 */
import { waitUntil } from '../../wait.ts';
import type { Call, Caller, Operation, Performed } from '../calls/call.ts';
import { callerOf } from '../calls/perform.ts';
import { valueText } from '../calls/value-text.ts';
import type { Resolved } from '../parameters.ts';
import { prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

/**
 * `settleBoundMs`: longer than the bound of a first tier (500 ms), so that the drill does not fail merely because the
 * machine is slow. `largeBatch`: more keys than a client sends in one command (500).
 */
const defaults = { keys: 1_000, tagged: 200, largeBatch: 600, chunk: 100, settleBoundMs: 5_000 };

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Reads that never load. */
const LOOKUPS = [
  ...(['get', 'getEntry', 'lookup', 'getWithTtl'] as const),
  ...(['getMany', 'lookupMany'] as const),
] satisfies readonly Operation[];

const READS = [...LOOKUPS, ...(['getOrCompute', 'getOrComputeMany'] as const)] satisfies readonly Operation[];

/** Reads of several keys with one call. */
const BATCHES: ReadonlySet<Operation> = new Set(['getMany', 'lookupMany', 'getOrComputeMany']);

interface Callers {
  readonly plain: Caller;
  readonly tiered: Caller;
  readonly process: Caller;
}

export const coherence = defineScript({
  name: 'coherence',
  defaults,
  async run(context) {
    const { open, startProcess, remember, tag, spec } = context;
    const namespace = `${spec.settings.namespace}:coherence-${tag}`;
    const plain = open({ ...RELAXED_LIMITS, namespace });
    const callers: Callers = {
      plain: callerOf('plain', plain),
      tiered: callerOf('tiered', open({ ...RELAXED_LIMITS, namespace, l1: {} })),
      process: await startProcess('process', { ...RELAXED_LIMITS, namespace, l1: {} }),
    };
    await plain.ping();
    try {
      await expectOverwritten(context, callers);
      await expectDeleted(context, callers);
      await expectInvalidated(context, callers);
      await expectReconnected(context, callers);
    } finally {
      remember(...(await rawKeys(context, prefixOf(plain))).keys());
    }
  },
});

/** Each key is written by one caller, so that every tier holds the first values when the second ones are written. */
async function expectOverwritten(context: Context, callers: Callers): Promise<void> {
  const names = namesOf(context.parameters.keys);
  const first = names.map((name) => `first ${name}`);
  await callers.plain.perform({ operation: 'setMany', keys: names, values: first });
  for (const caller of Object.values(callers)) {
    const { answers } = await readAll(context, caller, 'getMany', names);
    const right = answers.filter((answer, i) => answer === valueText(first[i])).length;
    context.expect(`first/${caller.name}`, `${caller.name} reads every value that plain wrote`, {
      ...equals(names.length, right),
    });
  }
  const second = names.map((name) => `second ${name}`);
  const half = names.length / 2;
  await eachOf(context, names.slice(0, half), (name, i) =>
    callers.plain.perform({ operation: 'set', keys: [name], values: [second[i]] }),
  );
  await callers.process.perform({
    ...{ operation: 'setMany', keys: names.slice(half), values: second.slice(half) },
  });
  for (const caller of Object.values(callers)) {
    const right = second.map(valueText);
    await waitUntilEqual(context, caller, names, right);
    for (const operation of READS) {
      const { answers, loaded } = await readAll(context, caller, operation, names);
      const stale = answers.filter((answer, i) => answer !== right[i]).length;
      context.expect(
        `overwritten/${caller.name}-${operation}`,
        `${operation} of ${caller.name} after all keys were overwritten: old values, loads`,
        equals([0, 0], [stale, loaded]),
      );
    }
  }
}

async function expectDeleted(context: Context, callers: Callers): Promise<void> {
  const { keys, largeBatch } = context.parameters;
  const names = namesOf(keys);
  await callers.tiered.perform({ operation: 'delete', keys: names.slice(0, largeBatch) });
  await callers.process.perform({ operation: 'delete', keys: names.slice(largeBatch) });
  await expectMisses(context, callers, 'deleted', names);
}

async function expectInvalidated(context: Context, callers: Callers): Promise<void> {
  const names = namesOf(context.parameters.tagged).map((name) => `tagged:${name}`);
  const call: Call = { operation: 'setMany', keys: names, values: names, tags: ['one', 'two'] };
  await callers.tiered.perform(call);
  for (const caller of Object.values(callers)) {
    await caller.perform({ operation: 'getMany', keys: names });
  }
  await callers.process.perform({ operation: 'invalidateTags', keys: [], tags: ['two'] });
  await expectMisses(context, callers, 'invalidated', names);
}

/**
 * Cuts all connections of the application's user, and overwrites keys once the caches are connected and hold the first
 * values again: a first tier must hear of changes on its new connection, too.
 */
async function expectReconnected(context: Context, callers: Callers): Promise<void> {
  const names = namesOf(context.parameters.tagged).map((name) => `reconnected:${name}`);
  const [first, second] = ['first', 'second'].map((value) => names.map((name) => `${value} ${name}`));
  const { plain } = callers;
  await plain.perform({ operation: 'setMany', keys: names, values: first ?? [] });
  for (const caller of Object.values(callers)) await readAll(context, caller, 'getMany', names);
  await context.inject('cut-connections');
  for (const caller of Object.values(callers)) await awaitConnected(context, caller, names);
  await plain.perform({ operation: 'setMany', keys: names, values: second ?? [] });
  const right = names.map((name) => valueText(`second ${name}`));
  for (const caller of Object.values(callers)) {
    await waitUntilEqual(context, caller, names, right);
    let stale = 0;
    for (const operation of READS) {
      const { answers } = await readAll(context, caller, operation, names);
      stale += answers.filter((answer, i) => answer !== right[i]).length;
    }
    context.expect(
      `reconnected/${caller.name}`,
      `old values that ${caller.name} returns, by all read paths, for keys overwritten after a reconnect`,
      equals(0, stale),
    );
  }
}

/**
 * Waits until Redis accepts writes of the caller, and until a first tier serves the keys again; then reads them with
 * each operation. If the first tier needs longer, Redis serves the reads, which is correct as well.
 */
async function awaitConnected(context: Context, caller: Caller, names: readonly string[]): Promise<void> {
  const { parameters, signal } = context;
  const wait = { boundMs: parameters.settleBoundMs, signal };
  const isConnected = async () => {
    const { sources } = await caller.perform({
      operation: 'set',
      keys: [caller.name],
      values: ['connected'],
    });
    return sources?.[0] === 'redis';
  };
  await waitUntil(`${caller.name} to be connected`, isConnected, wait).catch(() => signal.throwIfAborted());
  const isServed = async () => {
    const { sources = [] } = await caller.perform({ operation: 'lookupMany', keys: names });
    return sources.every((source) => source === 'l1');
  };
  if (caller.name !== 'plain')
    await waitUntil(`the first tier of ${caller.name}`, isServed, wait).catch(() => signal.throwIfAborted());
  for (const operation of READS) await readAll(context, caller, operation, names);
}

async function expectMisses(
  context: Context,
  callers: Callers,
  what: string,
  names: readonly string[],
): Promise<void> {
  const misses = names.map(() => null);
  for (const caller of Object.values(callers)) {
    await waitUntilEqual(context, caller, names, misses);
    const counts: number[] = [];
    for (const operation of LOOKUPS) {
      const { answers } = await readAll(context, caller, operation, names);
      counts.push(answers.filter((answer) => answer !== null).length);
    }
    const { result: present = 'absent' } = await caller.perform({ operation: 'exists', keys: names });
    context.expect(
      `${what}/${caller.name}`,
      `values that ${caller.name} still finds after all keys were ${what}, by each read path and by exists`,
      equals([...counts.map(() => 0), 0], [...counts, present]),
    );
  }
}

/**
 * Waits until the answers equal the expected values. A first tier may serve an old value within its bound, so the reads
 * that are judged come afterwards. A plain cache has no such grace period.
 */
async function waitUntilEqual(
  { parameters, awaitCondition }: Context,
  caller: Caller,
  names: readonly string[],
  right: readonly (string | null)[],
): Promise<void> {
  if (caller.name === 'plain') return;
  const isFresh = async () => {
    const { answers = [] } = await caller.perform({ operation: 'getMany', keys: names });
    return answers.every((answer, i) => answer === right[i]);
  };
  await awaitCondition(`${caller.name} to read the new values`, isFresh, parameters.settleBoundMs);
}

/** Reads all keys with one operation; a missing answer counts as a miss. */
async function readAll(
  context: Context,
  caller: Caller,
  operation: (typeof READS)[number],
  names: readonly string[],
): Promise<{ readonly answers: readonly (string | null)[]; readonly loaded: number }> {
  const performed: readonly Performed[] = BATCHES.has(operation)
    ? [await caller.perform({ operation, keys: names, values: names.map(() => 'loaded') })]
    : await eachOf(context, names, (name) => caller.perform({ operation, keys: [name], values: ['loaded'] }));
  const answers = performed.flatMap((one) => one.answers ?? [null]);
  return {
    answers: names.map((_, i) => answers[i] ?? null),
    loaded: performed.flatMap((one) => one.loaded ?? []).length,
  };
}

async function eachOf<T>(
  { parameters, signal }: Context,
  names: readonly string[],
  act: (name: string, i: number) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (let from = 0; from < names.length; from += parameters.chunk) {
    signal.throwIfAborted();
    const chunk = names.slice(from, from + parameters.chunk);
    results.push(...(await Promise.all(chunk.map((name, i) => act(name, from + i)))));
  }
  return results;
}

function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${n}`);
}
