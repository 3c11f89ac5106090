/** Builders of events and histories. Times are in milliseconds. */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { environmentSchema } from '../../../config/schema.ts';
import type { CheckContext, CheckResult, Figure } from '../../../harness/checkers/checker.ts';
import type {
  CompletionEvent,
  FinalReadEvent,
  History,
  HistoryEvent,
  InvokeEvent,
  ObservationEvent,
} from '../../../harness/history/events.ts';
import { parseHistory } from '../../../harness/history/parse.ts';

const us = (ms: number) => Math.round(ms * 1000);

export const DURABLE = { replicas: 1, timeoutMs: 1000 } as const;

export interface Op extends Partial<Omit<InvokeEvent, 'type' | 'intendedUs' | 'atUs'>> {
  /** Intended and actual send time, in ms. */
  readonly at: number;
  /** Time of completion, in ms. Absent if the operation never completes. */
  readonly done?: number;
  readonly outcome?: CompletionEvent['type'];
  readonly source?: CompletionEvent['source'];
  readonly answer?: string | null;
  /** Values returned by a batch read. */
  readonly answers?: readonly (string | null)[];
  readonly replicas?: number;
  readonly code?: string;
}

let ops = 0;

/** Events of an operation: by default, a `set` of the key `w:<at>` to `v<at>`, acknowledged by Redis. */
export function op(given: Op): (InvokeEvent | CompletionEvent)[] {
  const { at, done, outcome = 'ok', source = 'redis', answer, answers, replicas, code, ...invoke } = given;
  const number = ++ops;
  const client = given.client ?? 'kit';
  const kind = given.kind ?? 'set';
  const lines: (InvokeEvent | CompletionEvent)[] = [
    {
      type: 'invoke',
      key: `w:${at}`,
      ...(kind === 'set' && { value: `v${at}` }),
      deadlineMs: 500,
      ...invoke,
      client,
      kind,
      op: number,
      intendedUs: us(at),
      atUs: us(at),
    },
  ];
  if (done !== undefined) {
    lines.push({
      type: outcome,
      client,
      op: number,
      atUs: us(done),
      ...(outcome === 'ok' && { source }),
      ...(answer !== undefined && { value: answer }),
      ...(answers !== undefined && { values: answers }),
      ...(replicas !== undefined && { replicas }),
      ...(code !== undefined && { error: { code, message: code } }),
    });
  }
  return lines;
}

/** One write every `stepMs` between two times; each is acknowledged a millisecond later. */
export function writes(fromMs: number, toMs: number, stepMs = 100, given: Partial<Op> = {}): HistoryEvent[] {
  const lines: HistoryEvent[] = [];
  for (let at = fromMs; at < toMs; at += stepMs) lines.push(...op({ done: at + 1, ...given, at }));
  return lines;
}

/** Events of a fault: requested 1 ms before it is observed, and healed at the end. */
export function fault(
  atMs: number,
  healedMs?: number,
  node = 'redis-1',
  name = 'kill',
  askedMs = atMs - 1,
): HistoryEvent[] {
  return [
    { type: 'fault', fault: name, phase: 'inject', node, atUs: us(askedMs) },
    { type: 'fault', fault: name, phase: 'injected', node, atUs: us(atMs) },
    ...(healedMs === undefined
      ? []
      : ([
          { type: 'fault', fault: name, phase: 'heal', node, atUs: us(healedMs - 1) },
          { type: 'fault', fault: name, phase: 'healed', node, atUs: us(healedMs) },
        ] as const)),
  ];
}

export function observation(
  from: ObservationEvent['from'],
  name: string,
  atMs: number,
  data: NonNullable<ObservationEvent['data']> = {},
  more: Partial<ObservationEvent> = {},
): HistoryEvent {
  return { type: 'observe', from, name, atUs: us(atMs), data, ...more };
}

/** Closing phase of a client, by default without failures. */
export function closingPhase(client = 'kit', over: NonNullable<ObservationEvent['data']> = {}): HistoryEvent {
  const data = { subject: client, round: 1, tookMs: 5, writes: 3, reads: 3, troubles: 0, trouble: '' };
  return observation('workload', 'closing', 9000, { ...data, ...over }, { client });
}

/** One machine sample per second until the given time. By default, the machine is idle. */
export function machineSamples(
  toMs: number,
  over: Readonly<Record<string, string | number>> = {},
): readonly HistoryEvent[] {
  const window = (fromMs: number) =>
    observation('machine', 'window', fromMs + 1000, {
      fromUs: us(fromMs),
      timersMs: '0.3 0.5 1.1',
      controlMs: '0.4 0.6 1.2',
      controlMachineMs: '0.1 0.2 1',
      ...{ runnable: 1, busyMs: 500, idleMs: 1500, stealMs: 0, ownMs: 400, pressureMs: 100, load: 1 },
      waitsMs: 'main=1 redis-1=2.5 generator-kit=0.5 client-kit=1.5',
      ...over,
    });
  return [
    observation('machine', 'facts', 0, { cores: 2, unsampled: '' }),
    ...Array.from({ length: toMs / 1000 }, (_, i) => window(i * 1000)),
  ];
}

export function masterSwitch(atMs: number): HistoryEvent {
  return observation('sentinel', '+switch-master', atMs, {}, { node: 'sentinel-1' });
}

export function infoSample(
  node: string,
  atMs: number,
  data: NonNullable<ObservationEvent['data']>,
): HistoryEvent {
  return observation('info', 'sample', atMs, data, { node });
}

/** Final data of a node: every value written by a `set`, overridden by the given entries. */
export function finalRead(
  written: readonly HistoryEvent[],
  over: Readonly<Record<string, string | null>> = {},
  node = 'redis-2',
  redisRole: FinalReadEvent['redisRole'] = 'master',
): HistoryEvent {
  const entries = new Map<string, string | null>();
  for (const event of written) {
    if (event.type === 'invoke' && event.value !== undefined && event.kind === 'set') {
      entries.set(event.key, event.value);
    }
  }
  for (const [key, value] of Object.entries(over)) entries.set(key, value);
  return { type: 'final', node, redisRole, atUs: us(20_000), entries: [...entries] };
}

/** Events that can be nested to any depth. */
export type Events = HistoryEvent | readonly Events[];

export function flattenEvents(events: Events): readonly HistoryEvent[] {
  return Array.isArray(events)
    ? (events as readonly Events[]).flatMap(flattenEvents)
    : [events as HistoryEvent];
}

export function formatJsonl(...events: readonly Events[]): string {
  return flattenEvents(events)
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('');
}

/** Builds a history through the parser, so tests only judge histories that a recorder could have written. */
export function buildHistory(...events: readonly Events[]): History {
  return parseHistory([{ path: 'built.jsonl', text: formatJsonl(...events) }]).history;
}

/** A small healthy environment. Each override replaces one part. */
export function buildEnvironment(
  over: {
    readonly [Room in keyof EnvironmentConfig]?: Partial<EnvironmentConfig[Room]>;
  } = {},
): EnvironmentConfig {
  const base = {
    name: 'dev',
    purpose: 'an environment of a test',
    topology: { kind: 'sentinel', replicas: 2, sentinels: 3, quorum: 2, serviceName: 'mymaster' },
    redis: {
      port: 6379,
      maxmemory: '256mb',
      maxmemoryPolicy: 'allkeys-lru',
      appendonly: true,
      appendfsync: 'everysec',
      save: [[900, 1]],
      minReplicasToWrite: 1,
      minReplicasMaxLagSeconds: 2,
      ioThreads: 1,
      replBacklogSize: '16mb',
      activedefrag: false,
      slowlogLogSlowerThanUs: 10_000,
      extra: {},
    },
    sentinel: { port: 26_379, downAfterMs: 1000, failoverTimeoutMs: 5000, parallelSyncs: 1 },
    security: { tls: false },
    promises: { encryption: false },
    client: {
      namespace: 'cache',
      defaultTtlSeconds: 300,
      connectTimeoutMs: 1000,
      commandTimeoutMs: 1000,
      supervision: true,
      breaker: { enabled: true, threshold: 5, openMs: 60_000 },
    },
    durability: { durableWrites: DURABLE, asyncLossWindowMs: 1000 },
  };
  const merged = Object.fromEntries(
    Object.entries(base).map(([room, value]) => {
      const more = over[room as keyof EnvironmentConfig];
      return [
        room,
        typeof value === 'object' ? { ...value, ...(more as object | undefined) } : (more ?? value),
      ];
    }),
  );
  return environmentSchema.parse(merged);
}

export function buildContext(over: Partial<CheckContext> = {}): CheckContext {
  return { environment: buildEnvironment(), drill: 'built', client: 'kit', ...over };
}

type Finding = Pick<CheckResult, 'figures'>;

/** Numeric value of a figure (a value or a ratio); undefined if the finding has no such figure. */
export function figureNumber(finding: Finding, name: string): number | undefined {
  const figure: Figure | undefined = finding.figures[name];
  if (figure === undefined) return undefined;
  if (figure.kind === 'value') return figure.value;
  if (figure.kind === 'proportion') return figure.successes / figure.n;
  return figure.distribution.p99;
}
