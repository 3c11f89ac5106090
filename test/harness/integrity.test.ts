import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drills } from '../../harness/drills/index.ts';
import type { Seal } from '../../harness/evidence/manifest.ts';
import { analyzeRun, verifyRun } from '../../harness/judge/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import { catchKitError } from '../support/kit-error.ts';
import { MANIFEST, type RunOptions } from './healthy-run.ts';
import { findCriterion, ScratchRuns } from './scratch-runs.ts';

const scratch = new ScratchRuns();
let healthy = '';
let healthyReport: Report;
beforeAll(() => {
  ({ dir: healthy, report: healthyReport } = scratch.createReportedRun());
});
afterAll(() => scratch[Symbol.dispose]());

const copy = () => scratch.copyRun(healthy);
const run = (options: RunOptions) => analyzeRun(scratch.createRun(options).dir);
const states = (report: Report) => new Set(report.verdict.criteria.map(({ state }) => state));
const sealed = () =>
  (JSON.parse(readFileSync(join(healthy, 'seal.json'), 'utf8')) as Seal).files.map(({ path }) => path);

describe('incomplete evidence', () => {
  const removable = drills
    .filter(({ topologies, trials }) => topologies.includes('sentinel') && trials.quick > 0)
    .map((drill) => `trials/${drill.id}-1/events.jsonl`)
    .concat([
      'trials/steady-1/kit.jsonl',
      'trials/steady-1/machine.jsonl',
      'trials/master-crash-1/ioredis.jsonl',
      'logs/redis-1.log',
      'logs/programs.jsonl',
      'config.json',
      'gates.json',
      'drills.json',
    ]);

  it.each(removable)('is never a GO without %s', (path) => {
    const dir = copy();
    rmSync(join(dir, path));
    const report = analyzeRun(dir);
    expect(report.verdict.exitCode).toBe(3);
    expect(report.verdict.action).toBe('keep-disabled');
    expect(report.integrity.missing).toEqual([path]);
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: expect.stringContaining(path),
      remedy: expect.stringContaining('unchanged copy'),
    });
    for (const one of healthyReport.verdict.criteria) {
      const stoodOnIt = one.evidence.some((ref) => ref.path === path);
      if (stoodOnIt) expect(findCriterion(report, one.id)).toMatchObject({ state: 'NOT_MEASURED' });
    }
  });

  it('includes every kind of file that a run seals', () => {
    const kind = (path: string) => path.replace(/[a-z0-9-]+-1\//, '*/').replace(/redis-\d/, 'redis-N');
    const tried = new Set([...removable, 'manifest.json'].map(kind));
    expect(
      sealed()
        .map(kind)
        .filter((one) => !tried.has(one)),
    ).toEqual([]);
  });

  it('is reported with the trial and the missing file', () => {
    const dir = copy();
    rmSync(join(dir, 'trials/master-crash-1/kit.jsonl'));
    const one = findCriterion(analyzeRun(dir), 'durable-kept-master-crash');
    expect(one).toMatchObject({ state: 'NOT_MEASURED', measured: null, n: 0 });
    expect(one.reason).toBe('master-crash #1: trials/master-crash-1/kit.jsonl is missing');
    expect(verifyRun(dir).problems).toContain('trials/master-crash-1/kit.jsonl is missing');
  });

  it('is not judged without the manifest: there is one clear error and exit code 3', () => {
    const dir = copy();
    rmSync(join(dir, 'manifest.json'));
    expect(catchKitError(() => analyzeRun(dir))).toMatchObject({ code: 'EVIDENCE_UNREADABLE', exitCode: 3 });
    expect(catchKitError(() => analyzeRun(scratch.newPath()))).toMatchObject({
      code: 'EVIDENCE_UNREADABLE',
      exitCode: 3,
    });
  });

  it('is never a GO without the seal', () => {
    const dir = copy();
    rmSync(join(dir, 'seal.json'));
    const report = analyzeRun(dir);
    expect(report.verdict.exitCode).toBe(3);
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({
      state: 'INVALID',
      reason: expect.stringContaining('no seal'),
    });
    expect(verifyRun(dir).problems[0]).toMatch(/seal\.json is missing/);
  });

  it('is never a GO if the run did not complete', () => {
    const report = run({ manifest: { incomplete: 'ended by Ctrl-C' } });
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'ended by Ctrl-C',
      remedy: expect.stringMatching(/^Remove the cause/),
    });
  });
});

describe('changed evidence', () => {
  const changeable = [
    'trials/hit-miss-1/events.jsonl',
    'trials/steady-1/kit.jsonl',
    'logs/redis-1.log',
    'drills.json',
  ];

  it.each(changeable)('is never a GO with an added byte in %s, and verify names the file', (path) => {
    const dir = copy();
    appendFileSync(join(dir, path), '\n');
    const report = analyzeRun(dir);
    expect(report.verdict.exitCode).toBe(3);
    expect(report.integrity.altered).toEqual([path]);
    for (const one of healthyReport.verdict.criteria) {
      const stoodOnIt = one.evidence.some((ref) => ref.path === path);
      if (stoodOnIt) expect(findCriterion(report, one.id).state).toBe('INVALID');
    }
    const { ok, problems } = verifyRun(dir);
    expect(ok).toBe(false);
    expect(problems).toContain(`${path} was altered: it differs from the seal`);
    expect(problems.join('\n')).toMatch(/report\.json differs from the recomputed report, first in line \d+/);
  });

  it.each(['config.json', 'gates.json', 'manifest.json'])(
    'makes every criterion INVALID if %s was changed',
    (path) => {
      const dir = copy();
      const text = readFileSync(join(dir, path), 'utf8');
      writeFileSync(join(dir, path), text.replace(/\n$/, ' \n'));
      const report = analyzeRun(dir);
      expect(report.verdict.exitCode).toBe(3);
      expect(states(report)).toEqual(new Set(['INVALID', 'OUT_OF_SCOPE']));
      expect(verifyRun(dir).problems).toContain(`${path} was altered: it differs from the seal`);
    },
  );

  it.each(['config.json', 'gates.json', 'drills.json', 'seal.json'])(
    'is never a GO if %s is no longer JSON',
    (path) => {
      const dir = copy();
      writeFileSync(join(dir, path), '{');
      const report = analyzeRun(dir);
      expect(report.verdict.exitCode).toBe(3);
      expect(findCriterion(report, 'evidence-complete').state).toBe('INVALID');
      expect(verifyRun(dir).problems.join('\n')).toContain(path);
    },
  );

  it('is rejected if the manifest is invalid', () => {
    for (const text of ['{', '{"schema":"other"}', '{"schema":"redis-cache-kit/run/2"}', 'null']) {
      const dir = copy();
      writeFileSync(join(dir, 'manifest.json'), text);
      expect(catchKitError(() => verifyRun(dir))).toMatchObject({ code: 'EVIDENCE_UNREADABLE', exitCode: 3 });
    }
    const dir = copy();
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ ...MANIFEST, trials: 'none' }));
    expect(catchKitError(() => analyzeRun(dir)).message).toBe('trials must be a list, not "none"');
  });

  it('includes files that were added after the seal: verify names them, and no trial uses them', () => {
    const dir = copy();
    writeFileSync(join(dir, 'trials/extra.jsonl'), '');
    expect(verifyRun(dir).problems).toEqual(['trials/extra.jsonl is not in the seal: it was added later']);
    expect(analyzeRun(dir).verdict.decision).toBe('GO');
  });

  it('includes a missing or changed report of any format, and verify names it', () => {
    const dir = copy();
    writeFileSync(join(dir, 'report.md'), '# NO_GO\n');
    const renderers = {
      'report.md': (report: Report) => `# ${report.verdict.decision}\n`,
      'junit.xml': () => '',
    };
    expect(verifyRun(dir, renderers).problems).toEqual([
      'report.md differs from the recomputed report, first in line 1',
      'junit.xml is missing: it could not be compared',
    ]);
  });
});

describe('broken histories with a valid seal', () => {
  it('are judged without an incomplete last line, and prevent a GO', () => {
    const folder = scratch.createRun();
    const { dir } = folder;
    appendFileSync(join(dir, 'trials/steady-1/kit.jsonl'), '{"type":"ok","cl');
    folder.seal(JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')));
    const report = analyzeRun(dir);
    expect(report.verdict.exitCode).toBe(3);
    expect(findCriterion(report, 'get-latency').state).toBe('PASS');
    expect(findCriterion(report, 'evidence-complete')).toMatchObject({
      state: 'INVALID',
      reason: 'the last line of trials/steady-1/kit.jsonl was cut off',
    });
  });

  it('are INVALID if a line is broken, and the report names the line', () => {
    const folder = scratch.createRun();
    const { dir } = folder;
    appendFileSync(join(dir, 'trials/steady-1/kit.jsonl'), 'noise\n');
    folder.seal(JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')));
    const report = analyzeRun(dir);
    expect(findCriterion(report, 'get-latency').state).toBe('INVALID');
    expect(findCriterion(report, 'evidence-complete').reason).toMatch(
      /trials\/steady-1\/kit\.jsonl:\d+: not a line of JSON: "noise"/,
    );
  });
});
