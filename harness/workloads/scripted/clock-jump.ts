/**
 * The wall clock of a client's process steps by an hour, in both directions, between a write and its use and while a
 * load and a command are in progress. The clocks of the nodes do not step.
 */
import { waitUntil } from '../../wait.ts';
import type { Caller, Performed } from '../calls/call.ts';
import { callerOf } from '../calls/perform.ts';
import { openSteppedClock, type SteppedClock } from '../calls/stepped-clock.ts';
import { valueText } from '../calls/value-text.ts';
import type { Resolved } from '../parameters.ts';
import { hasValue, prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  jumpSeconds: 3_600,
  ttlSeconds: 60,
  /** TTL of an entry that expires during the drill. */
  shortTtlSeconds: 1,
  expiryBoundMs: 5_000,
  loadMs: 500,
  commandTimeoutMs: 500,
  /** Time in ms for which writes are held: longer than the command timeout. */
  heldMs: 1_500,
  /** Tolerance in ms beyond a timeout, for a busy machine. */
  slackMs: 500,
};

interface Setting {
  readonly context: ScriptContext<Resolved<typeof defaults>>;
  readonly clock: SteppedClock;
  /** Caches in processes whose clock steps. */
  readonly callers: readonly Caller[];
  /** A cache in a process whose clock does not step. */
  readonly other: Caller;
  /** A cache in a process whose clock steps, with a short command timeout. */
  readonly impatient: Caller;
  /** Prefix of the physical keys. */
  readonly prefix: string;
}

interface Jump {
  readonly id: 'forward' | 'backward';
  readonly step: () => void;
}

export const clockJump = defineScript({
  name: 'clock-jump',
  defaults,
  async run(context) {
    const { open, startProcess, remember, tag, spec, parameters } = context;
    const { commandTimeoutMs, jumpSeconds } = parameters;
    const namespace = `${spec.settings.namespace}:clock-${tag}`;
    const patient = { ...RELAXED_LIMITS, namespace };
    using clock = openSteppedClock();
    const cache = open(patient);
    const [plain, tiered, impatient] = await Promise.all([
      startProcess('plain', patient, clock.env),
      startProcess('tiered', { ...patient, l1: {} }, clock.env),
      startProcess('impatient', { ...patient, commandTimeoutMs }, clock.env),
    ]);
    await cache.ping();
    const prefix = prefixOf(cache);
    const other = callerOf('other', cache);
    const setting = { context, clock, callers: [plain, tiered], other, impatient, prefix };
    try {
      await expectDurations(setting, { id: 'forward', step: () => clock.step(jumpSeconds) });
      await expectDurations(setting, { id: 'backward', step: () => clock.step(0) });
    } finally {
      remember(...(await rawKeys(context, prefix)).keys());
    }
  },
});

async function expectDurations(setting: Setting, jump: Jump): Promise<void> {
  const { callers, other } = setting;
  const loading = await writeBefore(setting, jump);
  jump.step();
  // The leases of the loads in progress are still held: another process waits for them instead of loading.
  const waiting = callers.map((caller) =>
    other.perform({ operation: 'getOrCompute', keys: [keyOf(jump, caller, 'loading')], values: ['second'] }),
  );
  for (const [i, caller] of callers.entries()) {
    const expect = expectFor(setting, jump, caller);
    await expectEntries(setting, jump, caller);
    const [own, others] = [await loading[i], await waiting[i]];
    expect('load', 'a load in progress returns its value', equals(valueText('first'), own?.answers?.[0]));
    expect(
      'lease',
      'the lease of a load in progress holds: another process does not load',
      equals(0, others?.loaded?.length ?? 0),
    );
    await expired(setting, keyOf(jump, caller, 'brief'));
    const brief = await caller.perform({ operation: 'get', keys: [keyOf(jump, caller, 'brief')] });
    const read = brief.answers?.[0] ?? null;
    expect('expired', 'an entry is a miss once Redis has expired it', equals(null, read));
  }
  await expectTimeout(setting, jump);
}

/** Writes entries, and returns loads that are in progress when the clock steps. */
async function writeBefore(setting: Setting, jump: Jump): Promise<readonly Promise<Performed>[]> {
  const { context, callers } = setting;
  const { ttlSeconds, shortTtlSeconds, loadMs } = context.parameters;
  for (const caller of callers) {
    const [kept, brief, computed] = ['kept', 'brief', 'computed'].map((name) => [keyOf(jump, caller, name)]);
    await caller.perform({ operation: 'set', keys: kept ?? [], values: ['kept'], ttlSeconds });
    await caller.perform({
      ...{ operation: 'set', keys: brief ?? [], values: ['brief'], ttlSeconds: shortTtlSeconds },
    });
    await caller.perform({
      operation: 'getOrCompute',
      keys: computed ?? [],
      values: ['computed'],
      ttlSeconds,
    });
  }
  const loading = callers.map((caller) =>
    caller.perform({
      ...{ operation: 'getOrCompute', keys: [keyOf(jump, caller, 'loading')], values: ['first'], ttlSeconds },
      load: { takesMs: loadMs },
    }),
  );
  const named = (name: string) => callers.map((caller) => keyOf(jump, caller, name));
  await awaitStored(setting, { values: named('computed'), leases: named('loading') });
  return loading;
}

async function expectEntries(setting: Setting, jump: Jump, caller: Caller): Promise<void> {
  const { ttlSeconds } = setting.context.parameters;
  const expect = expectFor(setting, jump, caller);
  const kept = await caller.perform({ operation: 'get', keys: [keyOf(jump, caller, 'kept')] });
  expect('kept', 'an entry is a hit after the jump', equals(valueText('kept'), kept.answers?.[0]));
  const again = await caller.perform({
    ...{ operation: 'getOrCompute', keys: [keyOf(jump, caller, 'computed')], values: ['again'], ttlSeconds },
  });
  expect('computed', 'a computed value is not computed again', equals(0, again.loaded?.length ?? 0));
  const after = keyOf(jump, caller, 'after');
  await caller.perform({ operation: 'set', keys: [after], values: ['after'], ttlSeconds });
  const actual = await remainingMs(setting, after);
  const most = { relation: 'at-most', expected: ttlSeconds * 1_000, actual, unit: 'ms' } as const;
  expect('ttl-at-most', 'a write after the jump has at most its TTL in Redis', most);
  const least = { ...most, relation: 'at-least', expected: most.expected * 0.8 } as const;
  expect('ttl-at-least', 'a write after the jump has almost its full TTL in Redis', least);
}

/** Checks that a command waiting for a held reply ends at its timeout, even though the clock steps in the meantime. */
async function expectTimeout({ context, clock, impatient, prefix }: Setting, jump: Jump): Promise<void> {
  const { expect, masterOf, parameters } = context;
  const { commandTimeoutMs, heldMs, slackMs, jumpSeconds } = parameters;
  const key = `${jump.id}:held`;
  await impatient.perform({ operation: 'set', keys: [key], values: ['before'] });
  const master = await masterOf(`${prefix}${key}`);
  await master.call('CLIENT', 'PAUSE', heldMs, 'WRITE');
  try {
    const writing = impatient.perform({ operation: 'set', keys: [key], values: ['held'] });
    clock.step(jump.id === 'forward' ? 0 : jumpSeconds);
    jump.step();
    const { tookMs } = await writing;
    const least = {
      relation: 'at-least',
      expected: commandTimeoutMs * 0.9,
      actual: tookMs,
      unit: 'ms',
    } as const;
    expect(`${jump.id}/timeout-at-least`, 'a command waits for its full timeout', least);
    expect(`${jump.id}/timeout-at-most`, 'a command waits only slightly longer than its timeout', {
      ...least,
      relation: 'at-most',
      expected: commandTimeoutMs + slackMs,
    });
  } finally {
    await master.call('CLIENT', 'UNPAUSE');
  }
}

function expectFor({ context }: Setting, jump: Jump, caller: Caller): ScriptContext['expect'] {
  return (id, what, seen) => context.expect(`${jump.id}/${caller.name}-${id}`, what, seen);
}

const keyOf = (jump: Jump, caller: Caller, name: string) => `${jump.id}:${caller.name}:${name}`;

/** Waits until the computed values, which are stored in the background, and the leases of the loads are in Redis. */
async function awaitStored(
  { context, prefix }: Setting,
  { values, leases }: { readonly values: readonly string[]; readonly leases: readonly string[] },
): Promise<void> {
  const arePresent = async () => {
    const held = await rawKeys(context, prefix);
    const areStored = values.every((name) => {
      const found = held.get(`${prefix}${name}`);
      return found !== undefined && hasValue(found);
    });
    return areStored && leases.every((name) => held.has(`${prefix}${name}`));
  };
  const wait = { boundMs: context.parameters.expiryBoundMs, signal: context.signal };
  await waitUntil('the values and leases in Redis', arePresent, wait);
}

/** Waits until Redis has expired the key. */
async function expired(setting: Setting, name: string): Promise<void> {
  const { signal, parameters } = setting.context;
  const isGone = async () => (await remainingMs(setting, name)) === -2;
  await waitUntil(`${name} to expire`, isGone, { boundMs: parameters.expiryBoundMs, signal });
}

/** Returns the remaining TTL, in ms, that Redis reports; -2 if the key does not exist. */
async function remainingMs({ context, prefix }: Setting, name: string): Promise<number> {
  const physical = `${prefix}${name}`;
  return (await context.masterOf(physical)).pttl(physical);
}
