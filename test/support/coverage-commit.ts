/**
 * Writes the commit of a coverage summary next to the summary: the commit at the start and the end of the tests, with
 * `-dirty` if files differed from the commit at either time. Writes nothing outside a checkout.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CoverageStamp {
  readonly commit: string;
  readonly summarySha256: string;
}

/** The commit of the checkout, in the format that the manifest of a run uses; null outside a checkout. */
export function commitOf(directory: string): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', directory, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const commit = git('rev-parse', 'HEAD');
    return git('status', '--porcelain') === '' ? commit : `${commit}-dirty`;
  } catch {
    return null;
  }
}

/** Must be called before the tests. The returned function must be called after the summary is written. */
export function stampCoverage(summary: string, directory: string): () => void {
  const before = commitOf(directory);
  const written = () => statSync(summary, { throwIfNoEntry: false })?.mtimeMs;
  const writtenBefore = written();
  const stampFile = join(dirname(summary), 'coverage-commit.json');
  return () => {
    // A summary of an earlier run keeps the stamp of that run.
    if (written() === undefined || written() === writtenBefore) return;
    const after = commitOf(directory);
    rmSync(stampFile, { force: true });
    if (before === null || after === null) return;
    const commit = before === after ? before : `${after.replace(/-dirty$/, '')}-dirty`;
    const summarySha256 = createHash('sha256').update(readFileSync(summary)).digest('hex');
    writeFileSync(stampFile, `${JSON.stringify({ commit, summarySha256 } satisfies CoverageStamp)}\n`);
  };
}
