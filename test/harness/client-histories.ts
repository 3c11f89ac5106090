/** Histories of a client in a healthy run: around a failover, a stall, refused writes and a cut connection. */
import type { CompletionEvent, HistoryEvent, InvokeEvent } from '../../harness/history/events.ts';
import {
  closingPhase,
  DURABLE,
  type Events,
  flattenEvents,
  observation,
  op,
  writes,
} from './checkers/history-builders.ts';

export const lateness = (client: string, p99Ms = 1) =>
  observation('workload', 'lateness-total', 9999, { p50Ms: 0.1, p99Ms, maxMs: 5, n: 2000 }, { client });
export const answer = (
  at: number,
  source: 'redis' | 'loader',
  phase: string,
  key = `c:${at}`,
  took = 1,
): readonly (InvokeEvent | CompletionEvent)[] =>
  op({
    at,
    done: at + took,
    kind: 'getOrCompute',
    key,
    value: 'r',
    answer: 'r',
    phase,
    source,
    deadlineMs: 500,
  });

/**
 * The stock client has fewer operations, because no gate requires a minimum number of them, and every test has to judge
 * all of them.
 */
export function failover(client: string): Events {
  const given = { client, ...(client === 'kit' && { durability: DURABLE, replicas: 1 }) };
  const stepMs = client === 'kit' ? 10 : 100;
  return [
    writes(0, 2000, stepMs, given),
    writes(2200, 6000, stepMs, given),
    op({ at: 50, done: 51, kind: 'incr', key: 'i:1', value: '1', answer: '1', client }),
    op({ at: 60, done: 61, kind: 'append', key: 'a:1', value: ',1', client }),
    op({ at: 2200, done: 2201, kind: 'incr', key: 'i:2', value: '1', answer: '1', client }),
    op({ at: 2200, done: 2201, kind: 'append', key: 'a:2', value: ',2', client }),
    Array.from({ length: 3_500 / stepMs }, (_, i) =>
      answer(i * stepMs, 'redis', 'mix').map((event) => ({ ...event, client })),
    ),
    [0, 2200].map((from) => writes(from, from + 1800, 100, { client, key: 'f:1', value: 'f' })),
    op({ at: 1000, done: 1001, kind: 'get', key: 'f:1', answer: 'f', client }),
    lateness(client),
    closingPhase(client),
  ];
}

/** Events of a fault that lasts 200 ms: 40 INCRs are in flight, and every other one gets no reply. */
export function struck(client: string): Events {
  const inFlight = Array.from({ length: 40 }, (_, i) =>
    op({
      ...{ at: 2000 + i, kind: 'incr', key: `x:${i}`, value: '1', client },
      ...(i % 2 === 0 && { done: 2210, answer: '1' }),
    }),
  );
  // These events also include operations after the second fault.
  return [
    inFlight,
    writes(4200, 6000, 100, { client, key: 'f:1', value: 'f' }),
    op({ at: 4700, done: 4701, kind: 'incr', key: 'i:3', value: '1', answer: '1', client }),
    op({ at: 4700, done: 4701, kind: 'append', key: 'a:3', value: ',3', client }),
  ];
}

/** Writes are refused from the time at which the replicas are lost until they return. */
export function refused(client: string): Events {
  const isServed = (event: HistoryEvent) =>
    !('atUs' in event) || event.atUs < 2_200_000 || event.type === 'observe';
  const given = { client, key: 'f:1', value: 'f' };
  return [
    flattenEvents(failover(client)).filter(isServed),
    writes(2200, 8000, 50, { client, key: 'refused', value: 'r', outcome: 'fail', code: 'NOREPLICAS' }),
    writes(8200, 11_000, 50, given),
    client === 'kit' ? writes(8200, 11_000, 50, { ...given, durability: DURABLE, replicas: 1 }) : [],
    op({ at: 8200, done: 8201, kind: 'incr', key: 'i:2', value: '1', answer: '1', client }),
    op({ at: 8200, done: 8201, kind: 'append', key: 'a:2', value: ',2', client }),
  ];
}

/** The client is cut off from 2 s to 8 s: commands fail, and the memory fallback serves the cache. */
export function cutOff(): Events {
  const before = flattenEvents(failover('kit')).filter(
    (event) => !('atUs' in event) || event.atUs < 2_000_000 || event.type === 'observe',
  );
  const given = { key: 'f:1', value: 'f' };
  return [
    before,
    writes(2010, 8000, 10, { key: 'mem', value: 'm', source: 'memory' }),
    writes(2010, 8000, 50, { key: 'i:cut', kind: 'incr', value: '1', outcome: 'fail', code: 'NOT_SENT' }),
    writes(8200, 11_000, 20, given),
    writes(8200, 11_000, 20, { ...given, durability: DURABLE, replicas: 1 }),
    op({ at: 8200, done: 8201, kind: 'incr', key: 'i:2', value: '1', answer: '1' }),
    op({ at: 8200, done: 8201, kind: 'append', key: 'a:2', value: ',2' }),
    Array.from({ length: 100 }, (_, i) => answer(i * 10, 'redis', 'mix')),
  ];
}
