/**
 * Shape of every line of a history, with the bounds of every number that the judge uses. Fields that no checker reads
 * are not listed: the writer defines them. In `data`, all values are bounded, regardless of their names.
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

const optionalOf = (shape: Shape): Shape => ({ optional: shape });
const listOf = (item: Shape): Shape => ({ listOf: item, maxItems: MAX_BATCH });

const COMPLETION: Shape = {
  fields: {
    client: NAME,
    op: COUNT,
    atUs: TIME,
    source: optionalOf({ oneOf: SOURCES }),
    value: optionalOf({ nullable: 'string' }),
    values: optionalOf(listOf({ nullable: 'string' })),
    replicas: optionalOf({ integer: [0, MAX_BATCH] }),
    error: optionalOf({ fields: { code: 'string', message: 'string' } }),
  },
};

/** Shapes by type of event. */
export const EVENT_SHAPES: Readonly<Record<HistoryEvent['type'], Shape>> = {
  invoke: {
    fields: {
      client: NAME,
      op: COUNT,
      kind: { oneOf: KINDS },
      key: 'string',
      value: optionalOf('string'),
      durability: optionalOf({
        anyOf: [
          { oneOf: ['async'] },
          { fields: { replicas: { integer: [1, MAX_BATCH] }, timeoutMs: DURATION_MS } },
        ],
      }),
      phase: optionalOf(NAME),
      deadlineMs: optionalOf(DURATION_MS),
      batch: optionalOf({ integer: [0, MAX_BATCH] }),
      keys: optionalOf(listOf('string')),
      values: optionalOf(listOf('string')),
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
      node: optionalOf('string'),
      shard: optionalOf('string'),
      atUs: TIME,
      detail: optionalOf('string'),
    },
  },
  observe: {
    fields: {
      from: { oneOf: ['sentinel', 'info', 'process', 'client', 'workload', 'drill', 'node', 'machine'] },
      name: 'string',
      node: optionalOf('string'),
      client: optionalOf('string'),
      atUs: TIME,
      data: optionalOf({ mapOf: { nullable: { anyOf: ['string', 'number', 'boolean'] } } }),
    },
  },
  expect: {
    fields: {
      id: NAME,
      what: 'string',
      relation: { oneOf: ['equals', 'at-most', 'at-least', 'below', 'above'] },
      expected: optionalOf('json'),
      actual: optionalOf('json'),
      unit: optionalOf('string'),
      atUs: TIME,
    },
  },
  final: {
    fields: {
      node: 'string',
      shard: optionalOf('string'),
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
/** Text with durations in milliseconds, separated by spaces. */
const SAMPLES: Shape = {
  pattern: /^(?:\d{1,10}(?:\.\d{1,3})?(?: (?!$)|$))*$/,
  what: 'durations in milliseconds, separated by single spaces',
};
/** Text with milliseconds by name: `redis-1=0.12 main=0`. */
const WAITS: Shape = {
  pattern: /^(?:[^\s=]{1,128}=\d{1,10}(?:\.\d{1,3})?(?: (?!$)|$))*$/,
  what: 'names with milliseconds, name=number, separated by single spaces',
};
/** Text with `bucket:count` pairs, see `statistics/hdr.ts`. */
const COUNTS: Shape = {
  pattern: /^(?:\d{1,5}:\d{1,15}(?: (?!$)|$))*$/,
  what: 'buckets with counts, bucket:count, separated by single spaces',
};
const nullableOf = (shape: Shape): Shape => optionalOf({ nullable: shape });

/** A name that appears in a figure of the report. */
const NAME_OF_MIX: Shape = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9 _-]{0,59}$/,
  what: 'a name of 1 to 60 letters, digits, spaces and dashes',
};

const RATIO: Shape = { within: [0, 1] };
/** Difference of two ratios. */
const DELTA: Shape = { within: [-1, 1] };

function canaryArm(name: 'canary' | 'control'): Readonly<Record<string, Shape>> {
  return {
    [`${name}.requests`]: nullableOf(COUNT),
    [`${name}.errorRatio`]: nullableOf(RATIO),
    [`${name}.p50Ms`]: nullableOf(DURATION_MS),
    [`${name}.p95Ms`]: nullableOf(DURATION_MS),
    [`${name}.hitRatio`]: nullableOf(RATIO),
    [`${name}.users`]: nullableOf(COUNT),
    [`${name}.affectedUsers`]: nullableOf(COUNT),
  };
}

/**
 * Shapes of the fields that checkers use in calculations, by `from/name` of the observation. A field that was not
 * measured is null or left out.
 */
const DATA_SHAPES: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  'workload/lateness-total': LATENESS,
  'workload/window': { startUs: TIME, endUs: TIME },
  'workload/ttl': { seconds: COUNT },
  'workload/replication-lag': { lagMs: nullableOf(DURATION_MS) },
  'workload/closing': {
    subject: 'string',
    round: { integer: [1, MAX_BATCH] },
    tookMs: DURATION_MS,
    writes: COUNT,
    reads: COUNT,
    troubles: COUNT,
    trouble: 'string',
  },
  'workload/expiries': { keys: COUNT, without: COUNT, example: optionalOf('string') },
  'workload/load-plan': { wantedPerSecond: AMOUNT, kneeP99Ms: DURATION_MS },
  'workload/load-step': {
    ...{ step: { integer: [1, MAX_BATCH] }, mix: NAME_OF_MIX, perSecond: AMOUNT, durationMs: DURATION_MS },
    ...{ asked: COUNT, sent: COUNT, dropped: COUNT, answered: COUNT, failed: COUNT, wrong: COUNT },
    ...{ reads: COUNT, hits: COUNT, plannedSumUs: COUNT, intendedSumUs: COUNT, cpuMs: nullableOf(AMOUNT) },
    ...{ busyRatio: nullableOf({ within: [0, 1] }), stealRatio: nullableOf({ within: [0, 1] }) },
  },
  'workload/load-histogram': {
    ...{ step: { integer: [1, MAX_BATCH] }, measure: 'string', kind: 'string', counts: COUNTS },
  },
  'workload/server-limit': {
    ...{
      test: 'string',
      perSecond: optionalOf(AMOUNT),
      requests: optionalOf(COUNT),
      reason: optionalOf('string'),
    },
  },
  'workload/connections': {
    ...{ asked: COUNT, limit: 'string', answered: optionalOf(COUNT), gets: optionalOf(COUNT) },
    getP99Ms: optionalOf(DURATION_MS),
  },
  'workload/k6': { limit: 'string', segments: optionalOf({ integer: [1, MAX_BATCH] }) },
  'workload/k6-segment': {
    ...{ segment: 'string', exitCode: { integer: [-1, 255] }, requests: COUNT, failed: COUNT },
    ...{ dropped: COUNT, checksPassed: COUNT, checksFailed: COUNT, missed: { text: 10_000 } },
    ...{ p95Ms: DURATION_MS, p99Ms: DURATION_MS, maxMs: DURATION_MS },
  },
  'workload/soak-sample': {
    ...{ operations: COUNT, heapBytes: AMOUNT, externalBytes: AMOUNT, usedBytes: AMOUNT },
    ...{ fragmentedBytes: AMOUNT, maxmemory: AMOUNT, lagBytes: AMOUNT },
    lagSeconds: DURATION_MS,
  },
  'workload/canary-arms': {
    ...{ canaryRequests: COUNT, canaryFailures: COUNT, controlRequests: COUNT, controlFailures: COUNT },
  },
  'workload/canary-limits': { users: AMOUNT, slow: AMOUNT },
  'workload/canary-look': {
    ...{ elapsedMs: DURATION_MS, share: RATIO, reasons: { text: 10_000 } },
    verdict: { oneOf: ['hold', 'promote', 'rollback', 'pause', 'resume', 'clear'] },
    status: { oneOf: ['running', 'paused', 'rolled-back'] },
    ...canaryArm('canary'),
    ...canaryArm('control'),
    ...{ evidenceUsers: nullableOf(AMOUNT), evidenceSlow: nullableOf(AMOUNT) },
    ...{ evidenceRequests: nullableOf(AMOUNT), errorDeltaUpper: nullableOf(DELTA) },
    slowDeltaUpper: nullableOf(DELTA),
  },
  'workload/memory-point': { keys: COUNT, usedBytes: COUNT },
  'node/probe': { when: { oneOf: ['start', 'between', 'end'] }, number: { integer: [1, MAX_TRIALS + 1] } },
  'machine/facts': { cores: { integer: [1, 100_000] }, unsampled: 'string' },
  'machine/window': {
    fromUs: TIME,
    timersMs: SAMPLES,
    controlMs: SAMPLES,
    controlMachineMs: SAMPLES,
    diskMs: { optional: SAMPLES },
    runnable: nullableOf(AMOUNT),
    busyMs: nullableOf(AMOUNT),
    idleMs: nullableOf(AMOUNT),
    stealMs: nullableOf(AMOUNT),
    ownMs: nullableOf(AMOUNT),
    pressureMs: nullableOf(AMOUNT),
    load: nullableOf(AMOUNT),
    waitsMs: WAITS,
  },
  'info/sample': {
    usedMemory: nullableOf(AMOUNT),
    maxmemory: nullableOf(AMOUNT),
    evictedKeys: nullableOf(AMOUNT),
    masterReplOffset: nullableOf(AMOUNT),
    lagSeconds: nullableOf({ within: [-1, MAX_TIME_MS / 1_000] }),
  },
};

/** Returns the shape of the data in one kind of observation; undefined if no checker uses the data in a calculation. */
export function dataShapeOf({ from, name }: Pick<ObservationEvent, 'from' | 'name'>): Shape | undefined {
  const kind = `${from}/${name}`;
  return Object.hasOwn(DATA_SHAPES, kind) ? { fields: DATA_SHAPES[kind] ?? {} } : undefined;
}
