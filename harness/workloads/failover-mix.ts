/**
 * The workload during faults: reads, asynchronous and durable writes, and operations that are not idempotent.
 *
 * Every write has its own key, so a lost write is an absent key. INCR goes to keys whose final value must be 1, and
 * APPEND adds tags to a few keys, in which each tag must occur only once; a repeated operation is therefore visible in
 * the final read. INCR and APPEND use the client's connection and bypass the cache and the fallback.
 */
import { defineWorkload, type GeneratorContext, markWindow } from './generated.ts';
import type { PlannedOperation } from './issuer.ts';
import type { Lane } from './open-loop.ts';
import { openLoop } from './open-loop.ts';
import type { Resolved } from './parameters.ts';
import { padValue } from './values.ts';

/** Number of most recent acknowledged writes from which reads choose a key. */
const READ_BACK = 2_000;

const APPEND_KEYS = 50;

const defaults = {
  asyncSetsPerSecond: 60,
  /** Durable sets are sent only by the kit's client, and only if the environment promises more than `async`. */
  durableSetsPerSecond: 40,
  getsPerSecond: 80,
  incrsPerSecond: 30,
  appendsPerSecond: 30,
  getOrComputesPerSecond: 30,
  /** Deadline of the callers of `getOrCompute`, in ms. */
  deadlineMs: 500,
  computeKeys: 200,
  valueBytes: 224,
  /** TTL of the sets, for trials that last longer than the environment's default TTL; 0 for the default. */
  ttlSeconds: 0,
  /** Read by the trial: time in ms to wait for slower clients, once the first client writes again. */
  stragglerMs: 3_000,
  /**
   * Read by the trial: time in ms for which the load continues after the fault is healed, with the node back in the
   * topology.
   */
  afterHealMs: 1_500,
  /**
   * Read by the trial: maximum wait in ms for Sentinel to restore the topology, before the trial does so with
   * REPLICAOF.
   */
  settleMs: 2_000,
};

type Context = GeneratorContext<Resolved<typeof defaults>>;

export const failoverMix = defineWorkload({
  name: 'failover-mix',
  finalRead: true,
  defaults,
  async run(context: Context) {
    const { clock, issuer, random, startUs, stopped, parameters } = context;
    if (parameters.ttlSeconds > 0) markWindow(context, 'ttl', { seconds: parameters.ttlSeconds });
    await openLoop({ lanes: planLanes(context), clock, issuer, random, startUs, stopped });
  },
});

function planLanes(context: Context): readonly Lane[] {
  const { adapter, tag, parameters, durableWrites, random } = context;
  const ttlSeconds = parameters.ttlSeconds > 0 ? parameters.ttlSeconds : undefined;
  const acknowledged: string[] = [];
  let written = 0;
  let incremented = 0;
  let appended = 0;

  const set = (durability: typeof durableWrites): PlannedOperation => {
    const n = written++;
    const key = `w:${tag}:${n}`;
    const value = `v${n}`;
    return {
      kind: 'set',
      key,
      value,
      durability,
      send: () => adapter.set(key, padValue(value, parameters.valueBytes), durability, ttlSeconds),
      onOk: (answer) => {
        if (answer.source === 'redis') acknowledged[n % READ_BACK] = key;
      },
    };
  };
  const get = (): PlannedOperation | undefined => {
    if (acknowledged.length === 0) return undefined;
    const key = acknowledged[random.int(acknowledged.length)];
    return key === undefined ? undefined : { kind: 'get', key, send: () => adapter.get(key) };
  };
  const incr = (): PlannedOperation => {
    const key = `i:${tag}:${incremented++}`;
    return { kind: 'incr', key, value: '1', send: () => adapter.incr(key) };
  };
  const append = (): PlannedOperation => {
    const key = `a:${tag}:${appended++ % APPEND_KEYS}`;
    const text = (op: number) => `,${op}`;
    return { kind: 'append', key, value: text, send: (op) => adapter.append(key, text(op)) };
  };
  const getOrCompute = (): PlannedOperation => {
    const n = random.int(parameters.computeKeys);
    const key = `c:${tag}:${n}`;
    const value = `c${n}`;
    return {
      kind: 'getOrCompute',
      key,
      value,
      deadlineMs: parameters.deadlineMs,
      send: () => adapter.getOrCompute(key, async () => value),
    };
  };
  const durable = adapter.durable && durableWrites !== 'async';
  return [
    { perSecond: parameters.asyncSetsPerSecond, next: () => set('async') },
    { perSecond: durable ? parameters.durableSetsPerSecond : 0, next: () => set(durableWrites) },
    { perSecond: parameters.getsPerSecond, next: get },
    { perSecond: parameters.incrsPerSecond, next: incr },
    { perSecond: parameters.appendsPerSecond, next: append },
    { perSecond: parameters.getOrComputesPerSecond, next: getOrCompute },
  ];
}
