/**
 * Whether every promise of the client settles in time: an operation is answered, refused or reported as unknown within
 * its deadline plus 50 ms for timers. Times are counted from the call, not from the intended start.
 *
 * `unsettled`: operations that were due before the last operation of the client and have no completion. `pastDeadline`:
 * operations that completed more than 50 ms after their deadline. An operation does not count as late if the machine
 * explains the delay: the waits for a CPU and the late timers while it was in flight add up to at least the excess
 * (`lateByMachine`). These delays are added because the client extends deadlines by every stall of its process.
 *
 * The deadline is the caller's if one is recorded, otherwise `client.commandTimeoutMs`; for a durable write, the
 * timeout for its replicas is added.
 */
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { History, Operation, OperationList } from '../history/events.ts';
import type { Checker } from './checker.ts';
import {
  definedFigures,
  joinExamples,
  operationsOf,
  US_PER_MS,
  unknownResult,
  valueFigure,
  wasSent,
} from './history-queries.ts';
import { firstIndex } from './write-series.ts';

const TOLERANCE_MS = 50;

export const settlement: Checker = {
  id: 'settlement',
  proves: 'every operation settles within its deadline',
  check(history, { client, environment }) {
    const sent = operationsOf(history, client).filter(wasSent);
    if (sent.length === 0) return unknownResult('no operation was sent');
    const endUs = sent.reduce(
      (last, { invoke, completion }) => Math.max(last, completion?.atUs ?? invoke.atUs),
      Number.NEGATIVE_INFINITY,
    );
    const dueUs = (operation: Operation) =>
      operation.invoke.atUs + (deadlineMs(operation, environment) + TOLERANCE_MS) * US_PER_MS;
    const due = sent.filter((operation) => operation.completion !== undefined || dueUs(operation) < endUs);
    const unsettled = due.filter(({ completion }) => completion === undefined);
    const late = due.filter((operation) => (operation.completion?.atUs ?? 0) > dueUs(operation));
    const delayMs = machineDelays(history, client);
    const overMs = (operation: Operation) =>
      ((operation.completion?.atUs ?? 0) - dueUs(operation)) / US_PER_MS;
    const own = late.filter((operation) => overMs(operation) > delayMs(operation));
    const describe = (operation: Operation) => {
      const { invoke, completion, outcome } = operation;
      const took =
        completion === undefined ? '' : ` ${outcome} after ${(completion.atUs - invoke.atUs) / US_PER_MS} ms`;
      return `${invoke.kind} ${invoke.key}${took}`;
    };
    const reasonOf = (some: OperationList, figure: string, what: string) =>
      some.length === 0 ? [] : [`${figure}: ${some.length} ${what}: ${joinExamples(some, describe)}`];
    return {
      validity: unsettled.length + own.length > 0 ? 'invalid' : 'valid',
      reasons: [
        ...reasonOf(unsettled, 'unsettled', 'operations never settled'),
        ...reasonOf(
          own,
          'pastDeadline',
          `operations settled more than ${TOLERANCE_MS} ms after their deadline`,
        ),
      ],
      figures: definedFigures({
        unsettled: valueFigure(unsettled.length, 'operations', due.length),
        pastDeadline: valueFigure(own.length, 'operations', due.length - unsettled.length),
        lateByMachine: valueFigure(late.length - own.length, 'operations', due.length - unsettled.length),
      }),
    };
  },
};

function deadlineMs({ invoke }: Operation, { client }: EnvironmentConfig): number {
  const waitMs = typeof invoke.durability === 'object' ? invoke.durability.timeoutMs : 0;
  return invoke.deadlineMs ?? client.commandTimeoutMs + waitMs;
}

interface Delay {
  readonly fromUs: number;
  readonly toUs: number;
  readonly ms: number;
}

/**
 * Returns a function that sums the delays of timers and of the client's threads that the machine caused while an
 * operation was in flight, counting the longest delay in each window.
 */
function machineDelays(history: History, client: string): (operation: Operation) => number {
  const threads = new Set([`client-${client}`, `generator-${client}`]);
  const delays = history.observations.flatMap(({ from, name, atUs, data }): Delay[] => {
    if (from !== 'machine' || name !== 'window') return [];
    const waits = pairs(data?.waitsMs).flatMap(([thread, ms]) => (threads.has(thread) ? [ms] : []));
    return [
      {
        fromUs: Number(data?.fromUs ?? atUs),
        toUs: atUs,
        ms: Math.max(0, ...waits, ...numbers(data?.timersMs)),
      },
    ];
  });
  // Each sample usually begins where the previous one ends, so few samples are visited per operation.
  const isInOrder = delays.every(({ fromUs }, i) => i === 0 || (delays[i - 1]?.fromUs ?? 0) <= fromUs);
  return ({ invoke, completion }) => {
    const startUs = invoke.atUs;
    const endUs = completion?.atUs ?? startUs;
    let sum = 0;
    for (
      let i = firstIndex(delays.length, (at) => (delays[at]?.toUs ?? 0) > startUs);
      i < delays.length;
      i++
    ) {
      const { fromUs, ms } = delays[i] as Delay;
      if (fromUs < endUs) sum += ms;
      else if (isInOrder) break;
    }
    return sum;
  };
}

type Datum = string | number | boolean | null | undefined;

function words(text: Datum): readonly string[] {
  return typeof text === 'string' && text !== '' ? text.split(' ') : [];
}

function numbers(text: Datum): readonly number[] {
  return words(text).map(Number);
}

/** Parses pairs of name and number, such as `client-kit=1.5`. */
function pairs(text: Datum): readonly (readonly [string, number])[] {
  return words(text).map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), Number(pair.slice(at + 1))];
  });
}
