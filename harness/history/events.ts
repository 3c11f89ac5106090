/**
 * The history: the events of one trial of a drill, as lines of JSON on one monotonic clock.
 *
 * Times are microseconds since the run's origin (`Clock.originNs`, CLOCK_MONOTONIC, the same for every process of the
 * machine). Every operation is an `invoke` line and at most one completion: `ok`, `fail` (certainly not applied) or
 * `info` (outcome unknown). An invoke without a completion counts as `info`. `intendedUs` is the time at which the open
 * loop intended to send the operation. Latency is measured from this time, so that a generator that waits does not hide
 * a stall.
 *
 * Each writer (a workload's process, the main process) has its own file; `op` ids are unique within a `client`.
 */
import type { Durability } from '../../config/schema.ts';

export type OperationKind =
  | 'set'
  | 'get'
  | 'delete'
  | 'incr'
  | 'append'
  | 'getMany'
  | 'setMany'
  | 'getOrCompute'
  | 'ping';

/**
 * Source of an answer; `l1` is the client's own coherent tier. A write that only the memory fallback accepted was not
 * written to Redis.
 */
export type Source = 'redis' | 'l1' | 'memory' | 'loader';

export interface InvokeEvent {
  readonly type: 'invoke';
  /**
   * Name of the client: `kit` is this kit's client with default settings, `ioredis` the stock client; drills may add
   * others.
   */
  readonly client: string;
  readonly op: number;
  readonly kind: OperationKind;
  /** Physical key in Redis, so that the nodes can be queried for it directly. */
  readonly key: string;
  /**
   * Value that a write stores, as the final read returns it; for `getOrCompute` the value that the loader would return.
   */
  readonly value?: string;
  readonly durability?: Durability;
  /** A phase of a workload (`cold`, `hot`, `steady`), if it has several. */
  readonly phase?: string;
  /** Deadline of the caller in ms, from `intendedUs`. */
  readonly deadlineMs?: number;
  /** Number of keys in a batch. */
  readonly batch?: number;
  /** Physical keys in a batch, if their values are compared. */
  readonly keys?: readonly string[];
  /** Values that a batch writes, key by key. */
  readonly values?: readonly string[];
  readonly intendedUs: number;
  readonly atUs: number;
}

export interface CompletionEvent {
  readonly type: 'ok' | 'fail' | 'info';
  readonly client: string;
  readonly op: number;
  readonly atUs: number;
  readonly source?: Source;
  /** Value that a read returned; null is a miss. */
  readonly value?: string | null;
  /** Values that a batch read returned, in the order of the keys; null is a miss. */
  readonly values?: readonly (string | null)[];
  /** Number of replicas that confirmed a durable write. */
  readonly replicas?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * Life cycle of a fault. `inject` and `heal` are intents, `injected` and `healed` observed effects.
 */
export interface FaultEvent {
  readonly type: 'fault';
  readonly fault: string;
  readonly phase: 'inject' | 'injected' | 'heal' | 'healed';
  readonly node?: string;
  /**
   * In a cluster, the shard of the node, identified by the id of its first master. The fault does not affect other
   * shards.
   */
  readonly shard?: string;
  readonly atUs: number;
  readonly detail?: string;
}

/**
 * An observation: `sentinel` events, `info` and `process` samples, `client` events, `workload` marks (lateness,
 * phases), the configuration that a `node` reports, and samples of the `machine` (`samplers/machine/`).
 */
export interface ObservationEvent {
  readonly type: 'observe';
  readonly from: 'sentinel' | 'info' | 'process' | 'client' | 'workload' | 'drill' | 'node' | 'machine';
  readonly name: string;
  readonly node?: string;
  readonly client?: string;
  readonly atUs: number;
  readonly data?: Readonly<Record<string, string | number | boolean | null>>;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A step of a scripted workload: the expected and the actual value. The checker compares them; the workload only
 * records them.
 */
export interface ExpectationEvent {
  readonly type: 'expect';
  /** Stable id, unique within the drill: `value-after-ttl`. */
  readonly id: string;
  /** Description for the report. */
  readonly what: string;
  readonly relation: 'equals' | 'at-most' | 'at-least' | 'below' | 'above';
  readonly expected: Json;
  readonly actual: Json;
  readonly unit?: string;
  readonly atUs: number;
}

/**
 * Data of one node after healing, read over an admin connection. `null` means absent. In a cluster a node is queried
 * only for the keys of its own shard.
 */
export interface FinalReadEvent {
  readonly type: 'final';
  readonly node: string;
  readonly shard?: string;
  readonly redisRole: 'master' | 'replica';
  readonly atUs: number;
  /** Physical keys with their decoded values. The entries of a node may be split over several events. */
  readonly entries: readonly (readonly [key: string, value: string | null])[];
}

export type HistoryEvent =
  | InvokeEvent
  | CompletionEvent
  | FaultEvent
  | ObservationEvent
  | ExpectationEvent
  | FinalReadEvent;

/** An operation, combined from its two lines. */
export interface Operation {
  /** Identifies the operation in its history: the same operation may be represented by several objects. */
  readonly id: number;
  readonly invoke: InvokeEvent;
  /** Completion; undefined if the operation never completed, so its outcome is unknown. */
  readonly completion: CompletionEvent | undefined;
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Time from the intended start to the completion, in milliseconds; undefined if the operation never completed. */
  readonly latencyMs: number | undefined;
  /** Number of the key in `History.keys`. */
  readonly keyNumber: number;
  /** Number of `invoke.value` in `History.values`; undefined if it is absent. */
  readonly valueNumber: number | undefined;
  /**
   * Number of `completion.value` in `History.values`, where null also has a number; undefined if the value is absent.
   */
  readonly answerNumber: number | undefined;
  /** Whether the completion has a value that is not null. */
  readonly hasAnswer: boolean;
}

/**
 * Operations in order of their intended time, then of client and id. A history may have millions of operations, so a
 * list need not hold an object per operation: `filter` keeps a list compact, and the other methods visit one operation
 * after the other.
 */
export interface OperationList<T extends Operation = Operation> extends Iterable<T> {
  readonly length: number;
  at(index: number): T | undefined;
  filter<S extends T>(isKept: (operation: T) => operation is S): OperationList<S>;
  filter(isKept: (operation: T) => boolean): OperationList<T>;
  map<R>(resultOf: (operation: T) => R): R[];
  flatMap<R>(resultsOf: (operation: T) => R | readonly R[]): R[];
  some(is: (operation: T) => boolean): boolean;
  every(is: (operation: T) => boolean): boolean;
  reduce<R>(combine: (result: R, operation: T) => R, first: R): R;
}

/** Observations in order of time. An array is an `ObservationList`, too; `filter` returns an array. */
export interface ObservationList extends Iterable<ObservationEvent> {
  readonly length: number;
  at(index: number): ObservationEvent | undefined;
  filter(isKept: (event: ObservationEvent) => boolean): ObservationEvent[];
  map<R>(resultOf: (event: ObservationEvent) => R): R[];
  flatMap<R>(resultsOf: (event: ObservationEvent) => R | readonly R[]): R[];
  find(is: (event: ObservationEvent) => boolean): ObservationEvent | undefined;
  findLast(is: (event: ObservationEvent) => boolean): ObservationEvent | undefined;
  some(is: (event: ObservationEvent) => boolean): boolean;
  every(is: (event: ObservationEvent) => boolean): boolean;
}

/** Distinct strings of a history. Equal strings have equal numbers, above 0 and below `size`. */
export interface TextIndex {
  readonly size: number;
  /** Number that represents the value null. */
  readonly nullNumber: number;
  /** Returns the number of a string; undefined if it does not occur in the history. */
  numberOf(text: string): number | undefined;
  /** Returns the string with the given number; null for `nullNumber`, undefined for 0. */
  textOf(number: number): string | null | undefined;
}

/** A final read, whose entries are also available as numbers. */
export interface NumberedFinal extends FinalReadEvent {
  readonly length: number;
  keyNumberAt(index: number): number;
  valueNumberAt(index: number): number;
}

/** One trial, parsed and merged by time. Created by `parseHistory`. */
export interface History {
  readonly operations: OperationList;
  readonly faults: readonly FaultEvent[];
  readonly observations: ObservationList;
  readonly expectations: readonly ExpectationEvent[];
  readonly finals: readonly NumberedFinal[];
  /** Distinct strings: one index for keys, one for values and answers. */
  readonly keys: TextIndex;
  readonly values: TextIndex;
}
