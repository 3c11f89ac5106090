/**
 * Shape of every line of a history, with the bounds of every number that judging uses. Fields that no checker reads are
 * not listed: the writer defines them. In `data`, all values are bounded, whatever their names.
 */
import type { HistoryEvent, InvokeEvent, ObservationEvent } from '../history/events.ts';
import { MAX_BATCH, MAX_NAME_CHARACTERS, MAX_TIME_MS, MAX_TIME_US, MAX_TRIALS } from './limits.ts';
import type { Shape } from './shape.ts';

const NAME: Shape = {
  pattern: new RegExp(`^\\S{1,${MAX_NAME_CHARACTERS}}$`),
  what: `a name of 1 to ${MAX_NAME_CHARACTERS} characters without spaces`,
};
const TIME: Shape = { integer: [0, MAX_TIME_US] };
const DURATION_MS: Shape = { within: [0, MAX_TIME_MS] };
const COUNT: Shape = { integer: [0, Number.MAX_SAFE_INTEGER] };
const AMOUNT: Shape = { within: [0, Number.MAX_SAFE_INTEGER] };
const KINDS = [
  'set',
  'get',
  'delete',
  'incr',
  'append',
  'getMany',
  'setMany',
  'getOrCompute',
  'ping',
] as const satisfies readonly InvokeEvent['kind'][];
const SOURCES = ['redis', 'l1', 'memory', 'loader'];

const optional = (shape: Shape): Shape => ({ optional: shape });
const listOf = (item: Shape): Shape => ({ listOf: item, maxItems: MAX_BATCH });

const COMPLETION: Shape = {
  fields: {
    client: NAME,
    op: COUNT,
    atUs: TIME,
    source: optional({ oneOf: SOURCES }),
    value: optional({ nullable: 'string' }),
    values: optional(listOf({ nullable: 'string' })),
    replicas: optional({ integer: [0, MAX_BATCH] }),
    error: optional({ fields: { code: 'string', message: 'string' } }),
  },
};

/** By type of event. */
export const EVENT_SHAPES: Readonly<Record<HistoryEvent['type'], Shape>> = {
  invoke: {
    fields: {
      client: NAME,
      op: COUNT,
      kind: { oneOf: KINDS },
      key: 'string',
      value: optional('string'),
      durability: optional({
        anyOf: [
          { oneOf: ['async'] },
          { fields: { replicas: { integer: [1, MAX_BATCH] }, timeoutMs: DURATION_MS } },
        ],
      }),
      phase: optional(NAME),
      deadlineMs: optional(DURATION_MS),
      batch: optional({ integer: [0, MAX_BATCH] }),
      keys: optional(listOf('string')),
      values: optional(listOf('string')),
      intendedUs: TIME,
      atUs: TIME,
    },
  },
  ok: COMPLETION,
  fail: COMPLETION,
  info: COMPLETION,
  fault: {
    fields: {
      fault: NAME,
      phase: { oneOf: ['inject', 'injected', 'heal', 'healed'] },
      node: optional('string'),
      shard: optional('string'),
      atUs: TIME,
      detail: optional('string'),
    },
  },
  observe: {
    fields: {
      from: { oneOf: ['sentinel', 'info', 'process', 'client', 'workload', 'drill', 'node', 'machine'] },
      name: 'string',
      node: optional('string'),
      client: optional('string'),
      atUs: TIME,
      data: optional({ mapOf: { nullable: { anyOf: ['string', 'number', 'boolean'] } } }),
    },
  },
  expect: {
    fields: {
      id: NAME,
      what: 'string',
      relation: { oneOf: ['equals', 'at-most', 'at-least', 'below', 'above'] },
      expected: optional('json'),
      actual: optional('json'),
      unit: optional('string'),
      atUs: TIME,
    },
  },
  final: {
    fields: {
      node: 'string',
      shard: optional('string'),
      redisRole: { oneOf: ['master', 'replica'] },
      atUs: TIME,
      entries: listOf({ tuple: ['string', { nullable: 'string' }] }),
    },
  },
};

const LATENESS: Readonly<Record<string, Shape>> = {
  p50Ms: DURATION_MS,
  p99Ms: DURATION_MS,
  maxMs: DURATION_MS,
  n: COUNT,
};
/** Milliseconds, separated by spaces. */
const SAMPLES: Shape = {
  pattern: /^(?:\d{1,10}(?:\.\d{1,3})?(?: (?!$)|$))*$/,
  what: 'numbers of milliseconds with a space between two',
};
/** `redis-1=0.12 main=0`: milliseconds by name. */
const WAITS: Shape = {
  pattern: /^(?:[^\s=]{1,128}=\d{1,10}(?:\.\d{1,3})?(?: (?!$)|$))*$/,
  what: 'names with milliseconds, name=number, with a space between two',
};
const absent = (shape: Shape): Shape => optional({ nullable: shape });

/** Numbers of observations that checkers compute with, by `from/name`. A field that was not measured is null or left out. */
const DATA_SHAPES: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  'workload/lateness-total': LATENESS,
  'workload/window': { startUs: TIME, endUs: TIME },
  'workload/replication-lag': { lagMs: absent(DURATION_MS) },
  'workload/closing': {
    subject: 'string',
    round: { integer: [1, MAX_BATCH] },
    tookMs: DURATION_MS,
    writes: COUNT,
    reads: COUNT,
    troubles: COUNT,
    trouble: 'string',
  },
  'workload/expiries': { keys: COUNT, without: COUNT, example: optional('string') },
  'node/probe': { when: { oneOf: ['start', 'between', 'end'] }, number: { integer: [1, MAX_TRIALS + 1] } },
  'machine/facts': { cores: { integer: [1, 100_000] }, unsampled: 'string' },
  'machine/window': {
    fromUs: TIME,
    timersMs: SAMPLES,
    controlMs: SAMPLES,
    controlMachineMs: SAMPLES,
    diskMs: { optional: SAMPLES },
    runnable: absent(AMOUNT),
    busyMs: absent(AMOUNT),
    idleMs: absent(AMOUNT),
    stealMs: absent(AMOUNT),
    ownMs: absent(AMOUNT),
    pressureMs: absent(AMOUNT),
    load: absent(AMOUNT),
    waitsMs: WAITS,
  },
  'info/sample': {
    usedMemory: absent(AMOUNT),
    maxmemory: absent(AMOUNT),
    evictedKeys: absent(AMOUNT),
    masterReplOffset: absent(AMOUNT),
    lagSeconds: absent({ within: [-1, MAX_TIME_MS / 1_000] }),
  },
};

/** Shape of the data of one kind of observation; undefined where no checker computes with it. */
export function dataShapeOf({ from, name }: Pick<ObservationEvent, 'from' | 'name'>): Shape | undefined {
  const kind = `${from}/${name}`;
  return Object.hasOwn(DATA_SHAPES, kind) ? { fields: DATA_SHAPES[kind] ?? {} } : undefined;
}
