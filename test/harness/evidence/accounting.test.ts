/**
 * Edited and resealed runs: the hashes match, but the manifest, the seal and the folder do not agree with each other.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drills } from '../../../harness/drills/index.ts';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import { digestText } from '../../../harness/evidence/digests.ts';
import type { Manifest, TrialRecord } from '../../../harness/evidence/manifest.ts';
import { analyzeRun, verifyRun } from '../../../harness/judge/index.ts';
import { changeManifest, findCriterion, rewriteDigestsAndSeal, ScratchRuns } from '../scratch-runs.ts';

const scratch = new ScratchRuns();
let healthy = '';
beforeAll(() => {
  const some = drills.filter(({ id }) => ['master-crash', 'hit-miss'].includes(id));
  ({ dir: healthy } = scratch.createReportedRun({ drills: some, trials: 3, manifest: { kind: 'drill' } }));
});
afterAll(() => scratch[Symbol.dispose]());

const KEPT = 'durable-kept-master-crash';

/** An edited run. Its reports were written before the edit. */
function edited(edit: (dir: string) => void) {
  const dir = scratch.copyRun(healthy);
  edit(dir);
  const report = analyzeRun(dir);
  const kept = report.verdict.criteria.find(({ id }) => id === KEPT);
  return { dir, report, complete: findCriterion(report, 'evidence-complete'), kept };
}

const trialsAs = (change: (trials: readonly TrialRecord[]) => readonly TrialRecord[]) => (dir: string) =>
  changeManifest(dir, (manifest: Manifest) => ({ ...manifest, trials: change(manifest.trials) }));

const isCrash = (trial: number) => (record: TrialRecord) =>
  record.drill === 'master-crash' && record.trial === trial;

describe('the rule that judged files must be sealed', () => {
  it('holds for an unedited run', () => {
    const report = analyzeRun(healthy);
    expect(report.verdict).toMatchObject({ decision: 'GO', exitCode: 0 });
    expect(verifyRun(healthy)).toEqual({ ok: true, problems: [], notes: [] });
  });

  it.each(['config.json', 'gates.json', 'drills.json', 'manifest.json', 'trials/master-crash-1/kit.jsonl'])(
    'prevents a GO if %s is in the folder but not in the seal',
    (path) => {
      const { dir, report, complete, kept } = edited((folder) =>
        rewriteDigestsAndSeal(folder, (seal) => ({
          ...seal,
          files: seal.files.filter((file) => file.path !== path),
        })),
      );
      expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
      expect(complete).toMatchObject({ state: 'INVALID', reason: expect.stringContaining(path) });
      // A run without its gates has no criteria.
      expect(kept?.state).toBe(path === 'gates.json' ? undefined : 'INVALID');
      expect(verifyRun(dir).problems).toContain(`${path} is not in the seal: it was added later`);
    },
    30_000,
  );

  it('ignores an input that was added after the seal', () => {
    const summary = JSON.stringify({ total: { lines: { covered: 9, total: 9 } } });
    const { dir, report } = edited((folder) => {
      mkdirSync(join(folder, 'inputs'));
      writeFileSync(join(folder, 'inputs/coverage.json'), summary);
    });
    expect(findCriterion(report, 'coverage-lines').state).toBe('OUT_OF_SCOPE');
    expect(verifyRun(dir).ok).toBe(false);
  });

  it('ignores a commit that was added after the seal, if the coverage summary itself is sealed', () => {
    const coverage = JSON.stringify({
      total: { lines: { covered: 900, total: 1000 }, branches: { covered: 900, total: 1000 } },
    });
    const { dir } = scratch.createRun({
      drills: drills.filter(({ id }) => id === 'hit-miss'),
      manifest: { kind: 'drill' },
      coverage,
    });
    rewriteDigestsAndSeal(dir, (seal) => ({
      ...seal,
      files: seal.files.filter(({ path }) => path !== 'inputs/coverage-commit.json'),
    }));
    expect(findCriterion(analyzeRun(dir), 'coverage-lines')).toMatchObject({
      state: 'INVALID',
      reason: expect.stringContaining('the commit of the coverage summary is not recorded'),
    });
  });
});

describe('the rule that sealed files must belong to the run', () => {
  it.each([
    [
      'trials/master-crash-4/kit.jsonl',
      /not part of a trial of the manifest: trials\/master-crash-4\/kit\.jsonl/,
    ],
    [
      'trials/master-crash-1/other.jsonl',
      /not part of a trial of the manifest: trials\/master-crash-1\/other\.jsonl/,
    ],
    ['notes.txt', /not part of a run: notes\.txt/],
    ['inputs/other.json', /not part of a run: inputs\/other\.json/],
  ])('prevents a GO if %s is sealed', (path, why) => {
    const { report, complete } = edited((dir) => {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), '{}\n');
      rewriteDigestsAndSeal(dir);
    });
    expect(report.verdict.exitCode).toBe(3);
    expect(complete).toMatchObject({ state: 'INVALID', reason: expect.stringMatching(why) });
  });

  it('prevents a GO if a trial was removed from the manifest while its history remains', () => {
    const { report, complete } = edited(trialsAs((trials) => trials.filter((one) => !isCrash(3)(one))));
    expect(report.verdict.exitCode).toBe(3);
    expect(complete.reason).toMatch(/not part of a trial of the manifest: trials\/master-crash-3\//);
  });

  it('prevents a GO if a trial was removed completely, which leaves a gap in the trial numbers', () => {
    const { report, complete } = edited((dir) => {
      rmSync(join(dir, 'trials/master-crash-2'), { recursive: true });
      trialsAs((trials) => trials.filter((one) => !isCrash(2)(one)))(dir);
    });
    expect(report.verdict.exitCode).toBe(3);
    expect(complete.reason).toBe('master-crash #2 is not in the manifest, although master-crash #3 is');
  });

  it('prevents a GO if all trials of a drill were removed', () => {
    const { report, complete } = edited((dir) => {
      for (const n of [1, 2, 3]) rmSync(join(dir, `trials/master-crash-${n}`), { recursive: true });
      trialsAs((trials) => trials.filter(({ drill }) => drill !== 'master-crash'))(dir);
    });
    expect(report.verdict.exitCode).toBe(3);
    expect(complete).toMatchObject({
      state: 'NOT_MEASURED',
      reason: 'master-crash has no trial in the manifest',
    });
  });

  it('prevents a GO if the seal lists a file twice', () => {
    const { report, complete } = edited((dir) =>
      rewriteDigestsAndSeal(dir, (seal) => ({ ...seal, files: [...seal.files, ...seal.files.slice(0, 1)] })),
    );
    expect(report.verdict.exitCode).toBe(3);
    expect(complete.reason).toMatch(/the seal names config\.json twice/);
  });
});

describe('a trial', () => {
  it.each([
    [
      'it is listed twice',
      trialsAs((trials) => [...trials, ...trials.filter(isCrash(1))]),
      /master-crash #1 is listed twice in the manifest/,
    ],
    [
      'it shares a history with another trial',
      trialsAs((trials) => {
        const files = trials.find(isCrash(1))?.files ?? [];
        return trials.map((one) => (isCrash(2)(one) ? { ...one, files } : one));
      }),
      /master-crash #[12] shares trials\/master-crash-1\/events\.jsonl with another trial/,
    ],
    [
      'it has a copy of the history of another trial',
      (dir: string) => {
        cpSync(join(dir, 'trials/master-crash-1'), join(dir, 'trials/master-crash-2'), { recursive: true });
        rewriteDigestsAndSeal(dir);
      },
      /master-crash #1 has the same history as another trial/,
    ],
    [
      'it names the history of another drill',
      (dir: string) => {
        renameSync(join(dir, 'trials/master-crash-2'), join(dir, 'trials/other-2'));
        trialsAs((trials) =>
          trials.map((one) => ({
            ...one,
            files: one.files.map((path) => path.replace('master-crash-2', 'other-2')),
          })),
        )(dir);
      },
      /master-crash #2 names trials\/other-2\/events\.jsonl, which is outside trials\/master-crash-2\//,
    ],
    [
      'it names a client twice',
      trialsAs((trials) => trials.map((one) => ({ ...one, clients: [...one.clients, 'kit'] }))),
      /master-crash #1 names a client twice/,
    ],
    [
      'it ends before it begins',
      trialsAs((trials) => trials.map((one) => ({ ...one, startedUs: 9, endedUs: 8 }))),
      /master-crash #1 ends at 8 us, before its start at 9 us/,
    ],
  ])('counts once, and is INVALID if %s', (_what, edit, why) => {
    const { report, complete, kept } = edited(edit);
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
    expect(complete).toMatchObject({ state: 'INVALID', reason: expect.stringMatching(why) });
    expect(kept).toMatchObject({ state: 'INVALID' });
  });
});

describe('the drill definitions', () => {
  const drillsAs = (change: (defined: object[]) => unknown) => (dir: string) => {
    const path = join(dir, 'drills.json');
    writeFileSync(path, canonicalJson(change(JSON.parse(readFileSync(path, 'utf8')))));
    rewriteDigestsAndSeal(dir);
  };

  it('are a required input, without which no trial is measured', () => {
    const { dir, report, complete, kept } = edited((folder) => {
      rmSync(join(folder, 'drills.json'));
      rewriteDigestsAndSeal(folder);
    });
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
    expect(complete.reason).toMatch(/drills\.json/);
    expect(kept).toMatchObject({ state: 'NOT_MEASURED', reason: expect.stringContaining('drills.json') });
    expect(verifyRun(dir).problems).toContain('drills.json is missing');
  });

  it.each([
    ['empty', drillsAs(() => []), /drills\.json does not define configuration, hit-miss, master-crash/],
    ['null', drillsAs(() => null), /drills\.json cannot be read: it must be a list/],
    ['without one of them', drillsAs((all) => all.slice(1)), /does not define/],
    [
      'without the expectations of a drill',
      drillsAs((all) => all.map((drill) => ({ ...drill, expectations: [] }))),
      /names no expectations/,
    ],
    ['with one of them twice', drillsAs((all) => [...all, ...all]), /a drill is defined twice/],
  ])('prevent a GO if they are %s', (_what, edit, why) => {
    const { report, complete } = edited(edit);
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
    expect(complete).toMatchObject({ state: 'INVALID', reason: expect.stringMatching(why) });
  });
});

describe('the manifest and the configuration', () => {
  it('must name the same environment', () => {
    const { report, complete, kept } = edited((dir) => {
      const path = join(dir, 'config.json');
      const config = JSON.parse(readFileSync(path, 'utf8')) as object;
      const text = canonicalJson({ ...config, name: 'production' });
      writeFileSync(path, text);
      changeManifest(dir, (manifest) => ({ ...manifest, configSha256: digestText(text) }));
    });
    const why = "manifest.json names the environment 'dev', config.json names 'production'";
    expect(report.verdict).toMatchObject({ decision: 'UNKNOWN', exitCode: 3 });
    expect(complete).toMatchObject({ state: 'INVALID', reason: why });
    expect(kept).toMatchObject({ state: 'INVALID', reason: why });
  });
});
