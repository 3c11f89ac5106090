/**
 * A run that version 0.1.0 recorded with manifest schema 1 (`kit drill key-versioning replies-lost --env dev`).
 * `recorded/run-of-schema-1.json.br` contains the files of the run by path. Of the reports, it contains only
 * `report.json`.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import { analyzeRun, verifyRun } from '../../../harness/judge/index.ts';
import { renderers } from '../../../harness/reports/index.ts';

const root = mkdtempSync(join(tmpdir(), 'former-schema-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const files: Readonly<Record<string, string>> = JSON.parse(
  brotliDecompressSync(
    readFileSync(new URL('./recorded/run-of-schema-1.json.br', import.meta.url)),
  ).toString(),
);

/** Restores the recorded folder with some files replaced. */
function recordedRun(changes: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(join(root, 'run-'));
  for (const [path, text] of Object.entries({ ...files, ...changes })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const reportJson = () => JSON.parse(files['report.json'] ?? '');

describe('a run with manifest schema 1', () => {
  it('is verified: the evidence matches the seal, and leads to the decision and the figures in the report', () => {
    const result = verifyRun(recordedRun(), renderers);
    expect(result.problems).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.notes.join()).toMatch(/report\.json has the schema redis-cache-kit\/report\/1/);
  });

  it('is verified by the decision and the figures if its report has schema 2', () => {
    const second = canonicalJson({ ...reportJson(), schema: 'redis-cache-kit/report/2' });
    const result = verifyRun(recordedRun({ 'report.json': second }), renderers);
    expect(result).toMatchObject({ ok: true, problems: [] });
    expect(result.notes.join()).toMatch(/report\/2/);
  });

  it('is judged in terms of the current schema', () => {
    expect(JSON.parse(files['manifest.json'] ?? '')).toHaveProperty('departures');
    const report = analyzeRun(recordedRun());
    expect(report.schema).toBe('redis-cache-kit/report/3');
    expect(report.run.schema).toBe('redis-cache-kit/run/2');
    expect(report.run.deviations.join()).toMatch(/activedefrag is left out/);
    const faults = report.trials.flatMap((trial) => trial.faults.map(({ fault }) => fault));
    expect(faults).toEqual(['drop-replies', 'drop-replies']);
    expect(report.verdict.decision).toBe(reportJson().verdict.decision);
  });

  it('is refused if a digit in a history, the manifest or the seal was changed', () => {
    for (const path of ['trials/replies-lost-1/kit.jsonl', 'manifest.json', 'seal.json']) {
      const dir = recordedRun({
        [path]: (files[path] ?? '').replace(/\d(?=\D*$)/, (digit) => `${9 - Number(digit)}`),
      });
      expect(verifyRun(dir, renderers), path).toMatchObject({ ok: false });
    }
  });

  it('is refused if its report has another decision or another figure', () => {
    const decision = { ...reportJson() };
    decision.verdict = { ...decision.verdict, decision: 'GO', exitCode: 0 };
    const figure = reportJson();
    figure.verdict.criteria[1].n += 1;
    for (const report of [decision, figure]) {
      expect(verifyRun(recordedRun({ 'report.json': canonicalJson(report) }), renderers).problems).toEqual([
        expect.stringMatching(/^report\.json differs from the recomputed report, first in line \d+$/),
      ]);
    }
  });

  it('is compared byte for byte if this version wrote its reports', () => {
    const report = analyzeRun(recordedRun());
    const written = Object.fromEntries(
      Object.entries(renderers).map(([name, render]) => [name, render(report)]),
    );
    expect(verifyRun(recordedRun(written), renderers)).toEqual({ ok: true, problems: [], notes: [] });
    const changed = { ...written, 'report.md': `${written['report.md']} ` };
    expect(verifyRun(recordedRun(changed), renderers).problems.join()).toMatch(/^report\.md differs/);
  });
});
