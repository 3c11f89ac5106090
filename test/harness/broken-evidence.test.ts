/**
 * Evidence that is sealed but broken: numbers out of bounds, and values of the wrong type. The judge never accepts such
 * evidence and never hangs. If it did hang, the test would exceed its time limit.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT, KitError } from '../../config/errors.ts';
import { drills } from '../../harness/drills/index.ts';
import { MAX_FAULT_EVENTS } from '../../harness/evidence/limits.ts';
import { type RunFolder, SEAL } from '../../harness/evidence/run-folder.ts';
import { analyzeRun } from '../../harness/judge/index.ts';
import { renderers } from '../../harness/reports/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import { renderTerminal } from '../../harness/reports/terminal.ts';
import { catchKitError } from '../support/kit-error.ts';
import { fault, finalRead, observation } from './checkers/history-builders.ts';
import { findCriterion, rewriteDigestsAndSeal, ScratchRuns } from './scratch-runs.ts';

const scratch = new ScratchRuns();
afterAll(() => scratch[Symbol.dispose]());

const SOME = drills.filter(({ id }) => ['master-crash', 'batches', 'ttl-expiry', 'replication'].includes(id));
const recorded = () => scratch.createRun({ drills: SOME, manifest: { kind: 'drill' } });
const KIT = 'trials/master-crash-1/kit.jsonl';
const EVENTS = 'trials/master-crash-1/events.jsonl';

/** Changes a file in a run and seals the run again. */
function resealed(
  { dir }: RunFolder,
  path: string,
  change: (text: string) => string,
): { readonly dir: string } {
  const file = join(dir, path);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  rewriteDigestsAndSeal(dir);
  return { dir };
}

/** In the first line of the given type, replaces one field with the given JSON text. */
function withField(type: string, field: string, json: string): (text: string) => string {
  return (text) => {
    const lines = text.split('\n');
    const index = lines.findIndex((line) => line.includes(`"type":"${type}"`));
    const event = JSON.parse(lines[index] ?? '{}') as Record<string, unknown>;
    lines[index] = JSON.stringify({ ...event, [field]: '<here>' }).replace('"<here>"', json);
    return lines.join('\n');
  };
}

const withLine = (event: object) => (text: string) => `${text}${JSON.stringify(event)}\n`;

describe('a number out of bounds', () => {
  const huge = [
    [KIT, 'ok', 'atUs', '9007199254740991', /ok\.atUs must be an integer from 0/],
    [KIT, 'ok', 'atUs', '1e999', /ok\.atUs/],
    [KIT, 'ok', 'atUs', '2600000000000', /ok at 2600000000000 us; the trial lasted from 0 to 120000000 us/],
    [KIT, 'ok', 'atUs', '-1', /ok\.atUs/],
    [KIT, 'ok', 'atUs', '1.5', /ok\.atUs/],
    [KIT, 'invoke', 'intendedUs', '119000000', /sent before it was intended/],
    [KIT, 'invoke', 'op', '-1', /invoke\.op/],
    [KIT, 'invoke', 'deadlineMs', '1e300', /invoke\.deadlineMs/],
    [KIT, 'invoke', 'durability', '{"replicas":1e308,"timeoutMs":1}', /invoke\.durability/],
    [KIT, 'ok', 'replicas', '1e308', /ok\.replicas/],
    [EVENTS, 'fault', 'atUs', '1e15', /fault\.atUs/],
    [EVENTS, 'final', 'atUs', '1e15', /final\.atUs/],
    [EVENTS, 'observe', 'atUs', '1e15', /observe\.atUs/],
    ['trials/batches-1/kit.jsonl', 'invoke', 'batch', '1e12', /invoke\.batch/],
    ['trials/ttl-expiry-1/events.jsonl', 'expect', 'atUs', '1e15', /expect\.atUs/],
    ['trials/ttl-expiry-1/events.jsonl', 'expect', 'actual', '1e999', /expect\.actual/],
  ] as const;

  it.each(huge)('in %s makes the trial INVALID: %s.%s of %s', (path, type, field, json, why) => {
    const { dir } = resealed(recorded(), path, withField(type, field, json));
    const report = analyzeRun(dir);
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: EXIT.UNKNOWN });
    const complete = findCriterion(report, 'evidence-complete');
    expect(complete.state).toBe('INVALID');
    expect(complete.reason).toContain(path);
    expect(complete.reason).toMatch(why);
    const stoodOnIt = report.verdict.criteria.filter(
      ({ id, evidence }) => id !== 'evidence-complete' && evidence.some((ref) => ref.path === path),
    );
    expect(stoodOnIt.length).toBeGreaterThan(0);
    expect(new Set(stoodOnIt.map(({ state }) => state))).toEqual(new Set(['INVALID']));
  });

  it('makes the trial INVALID if it is in the data of an observation that a checker uses', () => {
    const lateness = { p50Ms: -5, p99Ms: -5, maxMs: -5, n: 9 };
    const line = observation('workload', 'lateness-total', 1, lateness, { client: 'kit' });
    const { dir } = resealed(recorded(), KIT, withLine(line));
    expect(findCriterion(analyzeRun(dir), 'evidence-complete').reason).toMatch(
      /observe\.data\.p50Ms must be a number from 0/,
    );
  });

  it('is detected if a batch has more hits than keys', () => {
    const { dir } = resealed(recorded(), 'trials/batches-1/kit.jsonl', (text) =>
      text.replaceAll('"value":"100"', '"value":"1000"'),
    );
    expect(findCriterion(analyzeRun(dir), 'evidence-complete').reason).toMatch(/"1000" hits of 100 keys/);
  });

  it('is rejected for faults and nodes before they are compared with every operation', () => {
    const faults = Array.from({ length: MAX_FAULT_EVENTS }, (_, i) => fault(i + 1, i + 2)).flat();
    const many = (text: string) => text + faults.map((line) => `${JSON.stringify(line)}\n`).join('');
    const struck = resealed(recorded(), EVENTS, many);
    expect(findCriterion(analyzeRun(struck.dir), 'evidence-complete').reason).toContain(
      `fault events; at most ${MAX_FAULT_EVENTS} in one trial`,
    );
    const marks = Array.from({ length: MAX_FAULT_EVENTS + 1 }, (_, i) =>
      observation('drill', 'lag', i, { phase: 'on' }),
    );
    const lagging = (text: string) => text + marks.map((line) => `${JSON.stringify(line)}\n`).join('');
    const lag = resealed(recorded(), EVENTS, lagging);
    expect(findCriterion(analyzeRun(lag.dir), 'evidence-complete').reason).toMatch(
      /marks of lagging replicas/,
    );
    const finals = Array.from({ length: 100 }, (_, i) => finalRead([], {}, `redis-${i}`, 'replica'));
    const crowd = resealed(
      recorded(),
      EVENTS,
      (text) => text + finals.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    expect(findCriterion(analyzeRun(crowd.dir), 'evidence-complete').reason).toMatch(
      /nodes that were read back; at most 64/,
    );
  });

  it('in a coverage summary makes coverage INVALID', () => {
    for (const [covered, total] of [
      [1e9, 1000],
      [-1, 1000],
      [0.5, 1],
    ]) {
      const coverage = JSON.stringify({
        total: { lines: { covered, total }, branches: { covered: 1, total: 1 } },
      });
      const { dir } = scratch.createRun({ drills: SOME, manifest: { kind: 'drill' }, coverage });
      expect(findCriterion(analyzeRun(dir), 'coverage-lines')).toMatchObject({
        state: 'INVALID',
        reason: expect.stringContaining('inputs/coverage.json'),
      });
    }
  });

  it.each([
    ['seed', '1e999'],
    ['judgedAt', '"9999"'],
    ['startedAt', '"yesterday"'],
    ['machine', '{"kernel":"a","cpu":"b","cores":-1,"memoryBytes":1}'],
    ['configSha256', '"x"'],
    ['argv', '[1]'],
  ])('in the manifest leads to one clear error: %s of %s', (field, json) => {
    const { dir } = recorded();
    const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as object;
    const text = JSON.stringify({ ...manifest, [field]: '<here>' }).replace('"<here>"', json);
    writeFileSync(join(dir, 'manifest.json'), text);
    expect(catchKitError(() => analyzeRun(dir))).toMatchObject({
      code: 'EVIDENCE_UNREADABLE',
      exitCode: EXIT.UNKNOWN,
      message: expect.stringContaining(field),
    });
  });
});

describe('a value of the wrong type', () => {
  const NASTY = [
    ...['null', '-1', '1e999', '0.5', '"\\u0000\\ud800"', '[5]', '{}', '{"__proto__":{"a":1}}'],
    `"${'x'.repeat(300_000)}"`,
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  ];

  /**
   * Renders the report in every format and returns it, or returns the KitError. Any other error is a defect in the
   * judge.
   */
  function outcome(dir: string): Report | KitError {
    try {
      const report = analyzeRun(dir);
      for (const render of [...Object.values(renderers), renderTerminal]) render(report);
      return report;
    } catch (error) {
      if (error instanceof KitError) return error;
      throw error;
    }
  }

  const fieldsIn = (text: string): readonly (readonly [type: string, field: string])[] => {
    const fields = new Map<string, readonly [string, string]>();
    for (const line of text.split('\n').filter((one) => one !== '')) {
      const event = JSON.parse(line) as { readonly type: string };
      for (const field of Object.keys(event)) fields.set(`${event.type}.${field}`, [event.type, field]);
    }
    return [...fields.values()];
  };

  it.each([KIT, EVENTS, 'trials/batches-1/kit.jsonl', 'trials/ttl-expiry-1/events.jsonl'])(
    'in any field of %s leads to a report or to one clear error',
    (path) => {
      const folder = scratch.createRun({
        drills: SOME.filter(({ id }) => path.includes(`/${id}-1/`)),
        manifest: { kind: 'drill' },
      });
      const original = readFileSync(join(folder.dir, path), 'utf8');
      const fields = fieldsIn(original);
      expect(fields.length).toBeGreaterThan(5);
      for (const [type, field] of fields) {
        for (const json of NASTY) {
          resealed(folder, path, () => withField(type, field, json)(original));
          const found = outcome(folder.dir);
          if (found instanceof KitError) expect(found.exitCode, `${type}.${field}`).toBe(EXIT.UNKNOWN);
        }
      }
    },
    // If the judge hangs, this time limit ends the test. The test judges about 500 folders.
    600_000,
  );

  it.each(['manifest.json', 'config.json', 'gates.json', 'drills.json', SEAL])(
    'in any field of the file %s leads to a report or to one clear error',
    (path) => {
      const { dir } = recorded();
      const original = JSON.parse(readFileSync(join(dir, path), 'utf8')) as Record<string, unknown>;
      for (const field of Array.isArray(original) ? ['0', '1'] : Object.keys(original)) {
        for (const json of NASTY) {
          const changed: object = Array.isArray(original)
            ? original.with(Number(field), '<here>')
            : { ...original, [field]: '<here>' };
          writeFileSync(join(dir, path), JSON.stringify(changed).replace('"<here>"', json));
          const found = outcome(dir);
          const exitCode = found instanceof KitError ? found.exitCode : found.verdict.exitCode;
          expect(exitCode, `${path}: ${field} = ${json.slice(0, 40)}`).toBe(EXIT.UNKNOWN);
        }
      }
    },
    60_000,
  );
});
