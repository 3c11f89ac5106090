/**
 * The locks of the client are the leases of loads. A holder renews its lease while it loads; a holder that is suspended
 * loses it, and must not store its value afterwards.
 *
 *   holder loads longer than a lease ─▶ another process waits and calls no loader
 *   holder loads ─▶ suspended ─▶ lease expires ─▶ successor loads and stores ─▶ resumed ─▶ its value is not stored
 *
 * Left out: a holder that dies, concurrent loads in general, and a value that is set during a load (`single-flight.ts`).
 */
import { decodeEnvelope } from '../../../client/envelope.ts';
import type { Call, Caller } from '../calls/call.ts';
import type { CallerProcess } from '../calls/child.ts';
import { callerOf } from '../calls/perform.ts';
import { valueText } from '../calls/value-text.ts';
import type { Resolved } from '../parameters.ts';
import { hasValue, prefixOf, rawKeys } from '../raw-keys.ts';
import { defineScript, equals, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = {
  /** Duration of a lease, in ms: longer than any pause on a busy machine, so that only a suspended holder loses it. */
  leaseMs: 5_000,
  /** Duration of a load, in ms; longer than a lease. */
  loadMs: 7_000,
  /** Tolerance in ms for a busy machine. */
  slackMs: 5_000,
};

type Context = ScriptContext<Resolved<typeof defaults>>;

interface Setting {
  readonly context: Context;
  readonly holder: CallerProcess;
  readonly here: Caller;
  /** Prefix of the physical keys. */
  readonly prefix: string;
}

export const locks = defineScript({
  name: 'locks',
  defaults,
  async run(context) {
    const { open, startProcess, remember, tag, spec, parameters } = context;
    const overrides = {
      namespace: `${spec.settings.namespace}:locks-${tag}`,
      ...RELAXED_LIMITS,
      compute: { ...RELAXED_LIMITS.compute, leaseMs: parameters.leaseMs },
    };
    const cache = open(overrides);
    await cache.ping();
    const holder = await startProcess('lease holder', overrides);
    const setting: Setting = {
      context,
      holder,
      here: callerOf('this process', cache),
      prefix: prefixOf(cache),
    };
    try {
      await expectExclusive(setting);
      await expectFenced(setting);
    } finally {
      holder.resume();
      remember(...(await rawKeys(context, setting.prefix)).keys());
    }
  },
});

/** Checks that a load that takes longer than a lease keeps its lease, so that another process calls no loader. */
async function expectExclusive(setting: Setting): Promise<void> {
  const { context, here } = setting;
  const call = await startLoad(setting, 'exclusive');
  const waiter = await here.perform({ operation: 'getOrCompute', keys: ['exclusive'], values: ['second'] });
  const first = await call.performed;
  context.expect('lease/exclusive', 'lease seen; answers of holder and waiter; loader calls of the waiter', {
    ...equals(
      [true, valueText('first'), valueText('first'), 0],
      [call.isLeased, first.answers?.[0] ?? null, waiter.answers?.[0] ?? null, waiter.loaded?.length ?? 0],
    ),
  });
}

/** Checks that a holder that was suspended until its lease had expired does not overwrite the value of its successor. */
async function expectFenced(setting: Setting): Promise<void> {
  const { context, holder, here, prefix } = setting;
  const { leaseMs, slackMs } = context.parameters;
  const key = `${prefix}fenced`;
  const call = await startLoad(setting, 'fenced');
  holder.suspend();
  const isFree = async () => !(await rawKeys(context, key)).has(key);
  const isExpired = await context.awaitCondition('the lease to expire', isFree, leaseMs + slackMs);
  context.expect('lease/expired', 'lease seen before its holder was suspended; expired afterwards', {
    ...equals([true, true], [call.isLeased, isExpired]),
  });

  const second = await here.perform({ operation: 'getOrCompute', keys: ['fenced'], values: ['second'] });
  const isStored = async () => {
    const found = (await rawKeys(context, key)).get(key);
    return found !== undefined && hasValue(found);
  };
  const stored = await context.awaitCondition('the value of the successor in Redis', isStored, slackMs);
  context.expect('former/successor', 'answer and loader calls of the successor; its value in Redis', {
    ...equals(
      [valueText('second'), 1, true],
      [second.answers?.[0] ?? null, second.loaded?.length ?? 0, stored],
    ),
  });

  holder.resume();
  const former = await call.performed;
  context.expect('former/former', 'answer of the former holder to its own caller', {
    ...equals(valueText('first'), former.answers?.[0]),
  });
  // Closing the cache waits for values that are stored in the background.
  await holder[Symbol.asyncDispose]();
  const found = (await rawKeys(context, key)).get(key);
  context.expect('former/kept', 'value in Redis after the former holder has ended', {
    ...equals(valueText('second'), found === undefined ? null : storedValue(found.bytes)),
  });
  const read = await here.perform({ operation: 'lookup', keys: ['fenced'] });
  context.expect('former/read', 'value that a reader finds', equals(valueText('second'), read.answers?.[0]));
}

/** Starts a load in the process of the holder; resolves once its lease is in Redis. */
async function startLoad({ context, holder, prefix }: Setting, name: string) {
  const { loadMs, slackMs } = context.parameters;
  const call: Call = {
    operation: 'getOrCompute',
    keys: [name],
    values: ['first'],
    load: { takesMs: loadMs },
  };
  const performed = holder.perform(call);
  performed.catch(() => undefined);
  const key = `${prefix}${name}`;
  const isHeld = async () => {
    const found = (await rawKeys(context, key)).get(key);
    return found !== undefined && !hasValue(found);
  };
  const isLeased = await context.awaitCondition(`the lease of ${name}`, isHeld, slackMs);
  return { performed, isLeased };
}

function storedValue(bytes: Buffer): string | null {
  const decoded = decodeEnvelope(bytes);
  return decoded.ok ? valueText(decoded.value) : null;
}
