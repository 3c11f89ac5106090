/** Runs in a scratch folder of a test file, and helpers that read their reports. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../../harness/evidence/canonical-json.ts';
import { withDigests } from '../../harness/evidence/digests.ts';
import type { Manifest, Seal } from '../../harness/evidence/manifest.ts';
import {
  digestFile,
  filesBelow,
  isDerived,
  isJudged,
  MANIFEST,
  type RunFolder,
  SEAL,
} from '../../harness/evidence/run-folder.ts';
import type { Criterion } from '../../harness/gates/gate.ts';
import { analyzeRun } from '../../harness/judge/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import { type RunOptions, writeHealthyRun } from './healthy-run.ts';

export class ScratchRuns implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'kit-judge-'));
  #count = 0;

  /** Returns a path that does not exist yet. */
  newPath(): string {
    return join(this.dir, `run-${++this.#count}`);
  }

  /** Creates a hand-written, sealed run with its report in the folder. */
  createReportedRun(options: RunOptions = {}): { readonly dir: string; readonly report: Report } {
    const { dir } = this.createRun(options);
    const report = analyzeRun(dir);
    writeFileSync(join(dir, 'report.json'), canonicalJson(report));
    return { dir, report };
  }

  createRun(options: RunOptions = {}): RunFolder {
    return writeHealthyRun(this.newPath(), options);
  }

  copyRun(dir: string): string {
    const copy = this.newPath();
    cpSync(dir, copy, { recursive: true });
    return copy;
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}

/**
 * Writes the manifest digests and the seal for the current files in a folder, as an attacker who edits evidence and has
 * the kit's source code would do. Does not flush to the disk, because that takes longer than the rest of a test.
 */
export function rewriteDigestsAndSeal(dir: string, change: (seal: Seal) => Seal = (seal) => seal): void {
  const path = join(dir, MANIFEST);
  const manifest = manifestOf(path);
  if (manifest !== undefined)
    writeFileSync(
      path,
      canonicalJson(
        withDigests(
          manifest,
          filesIn(dir).filter((file) => isJudged(file.path)),
        ),
      ),
    );
  rewriteSeal(dir, change);
}

/** Writes the seal for the current files in a folder, as an attacker who knows only about the seal would do. */
export function rewriteSeal(dir: string, change: (seal: Seal) => Seal = (seal) => seal): void {
  const seal = change({ schema: 'redis-cache-kit/seal/1', files: filesIn(dir) });
  writeFileSync(join(dir, SEAL), canonicalJson(seal));
}

function filesIn(dir: string): Seal['files'] {
  return filesBelow(dir)
    .filter((path) => !isDerived(path))
    .map((path) => ({ path, ...digestFile(join(dir, path)) }));
}

/** Reads the manifest; undefined if it is no longer valid because a test has damaged it. */
function manifestOf(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

/** Changes the manifest of a folder and seals it again. */
export function changeManifest(dir: string, change: (manifest: Manifest) => object): void {
  const path = join(dir, MANIFEST);
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  writeFileSync(path, canonicalJson(change(manifest)));
  rewriteDigestsAndSeal(dir);
}

export function findCriterion(report: Report, id: string): Criterion {
  const found = report.verdict.criteria.find((one) => one.id === id);
  if (found === undefined) throw new Error(`the report has no criterion ${id}`);
  return found;
}
