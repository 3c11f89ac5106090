import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../../harness/history/events.ts';
import { parseHistory } from '../../../harness/history/parse.ts';
import { catchKitError } from '../../support/kit-error.ts';

const lines = (...events: readonly (HistoryEvent | string)[]) =>
  `${events.map((e) => (typeof e === 'string' ? e : JSON.stringify(e))).join('\n')}\n`;

const invoke = (op: number, intendedUs: number, client = 'kit'): HistoryEvent => ({
  type: 'invoke',
  client,
  op,
  kind: 'set',
  key: `w:${op}`,
  value: 'v',
  intendedUs,
  atUs: intendedUs + 10,
});
const ok = (op: number, atUs: number, client = 'kit'): HistoryEvent => ({
  type: 'ok',
  client,
  op,
  atUs,
  source: 'redis',
});

describe('parseHistory', () => {
  it('assembles operations, and measures latency from the intended start', () => {
    const { history, torn } = parseHistory([
      { path: 'kit.jsonl', text: lines(invoke(1, 1_000), ok(1, 3_500)) },
    ]);
    expect(torn).toEqual([]);
    expect(history.operations).toHaveLength(1);
    expect(history.operations.at(0)).toMatchObject({ outcome: 'ok', latencyMs: 2.5 });
  });

  it('counts an operation without a completion as an unknown outcome', () => {
    const { history } = parseHistory([{ path: 'kit.jsonl', text: lines(invoke(1, 0)) }]);
    expect(history.operations.at(0)).toMatchObject({
      outcome: 'info',
      completion: undefined,
      latencyMs: undefined,
    });
  });

  it('merges several files by time, and separates equal operation ids of two clients', () => {
    const { history } = parseHistory([
      { path: 'kit.jsonl', text: lines(invoke(2, 300), invoke(1, 100), ok(1, 400)) },
      { path: 'ioredis.jsonl', text: lines(invoke(1, 200, 'ioredis')) },
      {
        path: 'events.jsonl',
        text: lines(
          { type: 'fault', fault: 'kill', phase: 'injected', atUs: 9 },
          { type: 'fault', fault: 'kill', phase: 'inject', atUs: 5 },
          { type: 'observe', from: 'sentinel', name: '+switch-master', atUs: 7 },
          {
            type: 'expect',
            id: 'a',
            what: 'w',
            relation: 'equals',
            expected: 1,
            actual: 1,
            atUs: 1,
          },
          { type: 'final', node: 'redis-1', redisRole: 'master', atUs: 99, entries: [['w:1', 'v']] },
        ),
      },
    ]);
    expect(history.operations.map((o) => [o.invoke.client, o.invoke.op])).toEqual([
      ['kit', 1],
      ['ioredis', 1],
      ['kit', 2],
    ]);
    expect(history.faults.map((f) => f.phase)).toEqual(['inject', 'injected']);
    expect([history.observations, history.expectations, history.finals].map((l) => l.length)).toEqual([
      1, 1, 1,
    ]);
  });

  it('omits an incomplete last line and names its file', () => {
    const whole = lines(invoke(1, 0), ok(1, 10));
    const { history, torn } = parseHistory([{ path: 'kit.jsonl', text: `${whole}{"type":"ok","cli` }]);
    expect(torn).toEqual(['kit.jsonl']);
    expect(history.operations).toHaveLength(1);
  });

  it('accepts a complete last line without its line feed', () => {
    const text = lines(invoke(1, 0), ok(1, 10)).trimEnd();
    const { history, torn } = parseHistory([{ path: 'kit.jsonl', text }]);
    expect(torn).toEqual([]);
    expect(history.operations.at(0)?.outcome).toBe('ok');
  });

  it.each([
    [
      'a broken line in the middle',
      lines('{"type":"ok",', invoke(1, 0)),
      /kit\.jsonl:1/,
      /not a line of JSON/,
    ],
    ['a broken last line with a line feed', lines(invoke(1, 0), '{"typ'), /kit\.jsonl:2/, /not a line/],
    ['an empty line', lines(invoke(1, 0), '', ok(1, 3)), /kit\.jsonl:2/, /not a line/],
    ['an unknown type', lines('{"type":"done"}'), /kit\.jsonl:1/, /'done' is not an event type/],
    [
      'a type that only Object.prototype has',
      lines('{"type":"constructor"}'),
      /:1/,
      /'constructor' is not an event type/,
    ],
    ['something that is not an object', lines('17'), /kit\.jsonl:1/, /is not an event type/],
    ['null', lines('null'), /kit\.jsonl:1/, /is not an event type/],
    [
      'a field of the wrong kind',
      lines('{"type":"ok","client":"kit","op":"1","atUs":1}'),
      /:1/,
      /ok\.op must be an integer from 0 to \d+, not "1"/,
    ],
    [
      'a missing field',
      lines('{"type":"final","node":"a","redisRole":"master","atUs":1}'),
      /:1/,
      /final\.entries must be a list, not undefined/,
    ],
    ['a completion without an invocation', lines(ok(1, 3)), /kit\.jsonl/, /kit 1 completes without/],
    ['two completions', lines(invoke(1, 0), ok(1, 13), ok(1, 14)), /kit\.jsonl/, /kit 1 completes twice/],
    ['two invocations', lines(invoke(1, 0), invoke(1, 3)), /kit\.jsonl/, /kit 1 is invoked twice/],
  ])('rejects %s with file and line', (_what, text, where, message) => {
    const error = catchKitError(() => parseHistory([{ path: 'kit.jsonl', text }]));
    expect(error.code).toBe('EVIDENCE_BROKEN');
    expect(error.exitCode).toBe(3);
    expect(error.where).toMatch(where);
    expect(error.message).toMatch(message);
  });
});
