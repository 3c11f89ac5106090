/**
 * The structured log of an application: one JSON line per event of the cache (`logEvents`), and one per operation, from
 * the spans of `withTelemetry`. Events report outages, fallbacks and purged payloads; operations report hits, misses and
 * errors.
 *
 *   calls ─▶ cache ─┬▶ events ─▶ logEvents ─────┐
 *                   └▶ spans  ─▶ withTelemetry ─┴▶ lines ─▶ history, log.jsonl ─▶ parsed again and compared
 *
 * The fault is a master that cannot be reached (proxy `down`). It is healed before the lines are compared.
 */
import { writeFileSync } from 'node:fs';
import { type LogRecord, logEvents } from '../../../client/extras/log.ts';
import {
  type TelemetryAttributes,
  type TelemetryTracer,
  withTelemetry,
} from '../../../client/extras/telemetry.ts';
import type { Cache } from '../../../client/index.ts';
import type { Resolved } from '../parameters.ts';
import { defineScript, equals, errorOf, RELAXED_LIMITS, type ScriptContext } from './script.ts';

const defaults = { hits: 3, misses: 2, maximumCalls: 50, recoveryBoundMs: 15_000 };

type Context = ScriptContext<Resolved<typeof defaults>>;

/** Fields of a record of `logEvents`, with the type of each (client/extras/log.ts). */
const EVENT_FIELDS = {
  level: 'string',
  event: 'string',
  time: 'string',
  namespace: 'string',
  details: 'object',
};

export const structuredLogs = defineScript({
  name: 'structured-logs',
  defaults,
  async run(context) {
    const { open, proxyBeforeMaster, expect, spec, tag, artifactPath, record, clock } = context;
    const proxy = await proxyBeforeMaster();
    const lines: string[] = [];
    const write = (entry: object) => void lines.push(JSON.stringify(entry));
    const { breaker } = spec.settings;
    const serving = open({ ...RELAXED_LIMITS, breaker: { ...breaker, enabled: true } }, proxy);
    const strict = open(
      { ...RELAXED_LIMITS, fallbackEntries: 0, breaker: { ...breaker, enabled: false } },
      proxy,
    );
    const stops = [serving, strict].map((cache) => logEvents(cache, write));
    const [logged, thrown] = [serving, strict].map((cache) =>
      withTelemetry(cache, { tracer: tracerOf(write) }),
    );
    if (logged === undefined || thrown === undefined) throw new Error('two caches must be open');
    const secret = `value-of-${tag}`;
    await Promise.all([serving.ping(), strict.ping()]);

    await readValues(context, logged, secret);
    await readForeignPayload(context, logged);
    await proxy.down();
    const failed = await errorOf(() => thrown.get(`logs:${tag}:0`));
    await openBreaker(context, logged);
    await proxy.reset();
    await awaitServed(context, logged);
    for (const stop of stops) stop();

    writeFileSync(artifactPath('log.jsonl'), `${lines.join('\n')}\n`);
    for (const line of lines)
      record({
        type: 'observe',
        from: 'workload',
        name: 'log',
        client: 'kit',
        atUs: clock.nowUs(),
        data: { line },
      });
    const parsed = lines.map(parseLine);
    expect('lines/parsed', 'lines that are not a JSON object', equals([], unparsed(lines, parsed)));
    expectFields(context, parsed);
    expectNothingPrivate(context, lines, secret);
    expectOperations(context, parsed, failed);
    expectEvents(context, parsed);
  },
});

/** Returns a tracer that writes each span as one record when the span ends. */
function tracerOf(write: (entry: object) => void): TelemetryTracer {
  return {
    startActiveSpan(name, { attributes = {} }, run) {
      const fields: TelemetryAttributes = { ...attributes };
      let status: { readonly code: number; readonly message?: string } = { code: 0 };
      return run({
        setAttributes: (more) => Object.assign(fields, more),
        setStatus: (given) => {
          status = given;
        },
        recordException: ({ name: type }) => {
          fields['error.type'] = type;
        },
        end: () => write({ span: name, time: new Date().toISOString(), attributes: fields, status }),
      });
    },
  };
}

/** Reads keys that exist and keys that do not. */
async function readValues(
  { remember, tag, parameters }: Context,
  cache: Cache,
  value: string,
): Promise<void> {
  const name = (n: number) => `logs:${tag}:${n}`;
  for (let n = 0; n < parameters.hits; n++) {
    remember(cache.physicalKey(name(n)));
    await cache.set(name(n), value);
    await cache.get(name(n));
  }
  for (let n = 0; n < parameters.misses; n++) await cache.get(`${name(n)}:absent`);
}

/** Reads a key whose bytes are not an envelope, which the client purges. */
async function readForeignPayload({ remember, masterOf, tag }: Context, cache: Cache): Promise<void> {
  const name = `logs:${tag}:foreign`;
  const physical = cache.physicalKey(name);
  remember(physical);
  await (await masterOf(physical)).set(physical, 'not an envelope', 'EX', 60);
  await cache.get(name);
}

/** Reads until the breaker is open. */
async function openBreaker({ tag, parameters }: Context, cache: Cache): Promise<void> {
  for (let n = 0; n < parameters.maximumCalls && cache.stats().breaker.kind !== 'open'; n++)
    await cache.get(`logs:${tag}:0`);
}

/** Reads until Redis answers and the breaker is closed. */
async function awaitServed({ awaitCondition, tag, parameters }: Context, cache: Cache): Promise<void> {
  const isServed = async () => {
    const { source } = await cache.lookup(`logs:${tag}:0`);
    return source === 'redis' && cache.stats().breaker.kind === 'closed';
  };
  await awaitCondition('Redis to serve the cache again', isServed, parameters.recoveryBoundMs);
}

type Line = Readonly<Record<string, unknown>>;

function parseLine(line: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Line)
      : undefined;
  } catch {
    return undefined;
  }
}

function unparsed(lines: readonly string[], parsed: readonly (Line | undefined)[]): string[] {
  return lines.filter((line, i) => parsed[i] === undefined || line.includes('\n')).slice(0, 3);
}

type Parsed = readonly (Line | undefined)[];

const eventsIn = (parsed: Parsed): readonly LogRecord[] =>
  parsed.filter((line): line is Line => line?.event !== undefined) as unknown as readonly LogRecord[];

/** Names of the events with a missing or additional field, or with a field of another type. */
function expectFields({ expect, spec }: Context, parsed: Parsed): void {
  const fields = Object.entries(EVENT_FIELDS).sort();
  const wrong = eventsIn(parsed).filter((event) => {
    const own = Object.entries(event).map(([name, value]) => [name, typeof value]);
    const isTime = new Date(event.time).toJSON() === event.time;
    return (
      JSON.stringify(own.sort()) !== JSON.stringify(fields) ||
      !isTime ||
      event.namespace !== spec.settings.namespace ||
      !['debug', 'info', 'warn'].includes(event.level)
    );
  });
  expect('lines/fields', 'events without exactly the documented fields', equals([], namesOf(wrong)));
}

function namesOf(events: readonly LogRecord[]): string[] {
  return [...new Set(events.map(({ event }) => event))];
}

/** Neither values nor passwords are logged. Keys are: applications must not put secrets into keys. */
function expectNothingPrivate({ expect, spec }: Context, lines: readonly string[], value: string): void {
  const secrets = [spec.app.password, spec.sentinel.password].filter((password) => password !== '');
  const holding = (texts: readonly string[]) =>
    lines.filter((line) => texts.some((text) => line.includes(text))).length;
  expect('lines/values', 'lines that contain a value', equals(0, holding([value, 'not an envelope'])));
  expect('lines/secrets', 'lines that contain a password', equals(0, holding(secrets)));
}

interface Span {
  readonly span: string;
  readonly attributes: TelemetryAttributes;
  readonly status: { readonly code: number; readonly message?: string };
}

function expectOperations(
  { expect, parameters, spec }: Context,
  parsed: Parsed,
  failed: string | null,
): void {
  const spans = parsed.filter((line) => line?.span === 'cache.get') as unknown as readonly Span[];
  const { namespace } = spec.settings;
  const reads = spans.filter(({ attributes }) => attributes['cache.namespace'] === namespace);
  const served = reads.filter(({ attributes }) => attributes['cache.hits'] === 1).length;
  const missed = reads.filter(({ attributes }) => attributes['cache.misses'] === 1).length;
  // The reads during and after the outage are hits or misses, too.
  expect('logged/hit', 'operations logged as a hit', {
    ...{ relation: 'at-least', expected: parameters.hits, actual: served },
  });
  expect('logged/miss', 'operations logged as a miss', {
    ...{ relation: 'at-least', expected: parameters.misses, actual: missed },
  });
  const errors = spans.filter(({ attributes, status }) => status.code === 2 && attributes['error.type']);
  expect('logged/error', 'whether the read without a fallback failed; operations logged as an error', {
    ...equals([true, 1], [failed !== null, errors.length]),
  });
}

function expectEvents({ expect }: Context, parsed: Parsed): void {
  const events = eventsIn(parsed);
  const seen = (name: string, level: LogRecord['level'], has: (details: LogRecord['details']) => boolean) =>
    equals(
      true,
      events.some((event) => event.event === name && event.level === level && has(event.details)),
    );
  const hasTexts =
    (...names: readonly string[]) =>
    (details: LogRecord['details']) =>
      names.every((name) => typeof details[name] === 'string' && details[name] !== '');
  const isBreaker = (to: string) => (details: LogRecord['details']) =>
    details.to === to && hasTexts('from', 'cause')(details);
  expect('logged/fallback', 'a read served from memory, with operation and reason', {
    ...seen(
      'cache.fallback',
      'debug',
      (details) => details.operation === 'get' && hasTexts('reason')(details),
    ),
  });
  expect('logged/purged', 'a purged payload, with key and reason', {
    ...seen('cache.purged', 'warn', hasTexts('key', 'reason')),
  });
  const hasMaster = ({ master }: LogRecord['details']) =>
    typeof (master as { host?: unknown })?.host === 'string';
  expect('outage/lost', 'the lost connection, with master and reason', {
    ...seen('cache.lost', 'warn', (details) => hasMaster(details) && hasTexts('reason')(details)),
  });
  expect('outage/ready', 'the connection after the outage, with master and duration', {
    ...seen('cache.ready', 'info', (details) => hasMaster(details) && Number(details.outageMs) > 0),
  });
  expect('outage/breaker-open', 'the breaker opens, with its former state and cause', {
    ...seen('cache.breaker', 'warn', isBreaker('open')),
  });
  expect('outage/breaker-closed', 'the breaker closes, with its former state and cause', {
    ...seen('cache.breaker', 'info', isBreaker('closed')),
  });
}
