/**
 * Files that a run folder must not contain. Reading a FIFO would block forever, so a judge that reads one exceeds the
 * test's time limit.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../../config/errors.ts';
import { drills } from '../../../harness/drills/index.ts';
import type { Manifest } from '../../../harness/evidence/manifest.ts';
import { digestFile, readText } from '../../../harness/evidence/run-folder.ts';
import { analyzeRun, verifyRun } from '../../../harness/judge/index.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { changeManifest, rewriteDigestsAndSeal, ScratchRuns } from '../scratch-runs.ts';

const scratch = new ScratchRuns();
const HISTORY = 'trials/hit-miss-1/kit.jsonl';
let healthy = '';
beforeAll(() => {
  const some = drills.filter(({ id }) => id === 'hit-miss');
  ({ dir: healthy } = scratch.createReportedRun({ drills: some, manifest: { kind: 'drill' } }));
});
afterAll(() => scratch[Symbol.dispose]());

const makeFifo = (path: string) => execFileSync('mkfifo', [path]);

function expectRefused(dir: string, message: RegExp, path: string): void {
  for (const judge of [() => analyzeRun(dir), () => verifyRun(dir)]) {
    const error = catchKitError(judge);
    expect(error).toMatchObject({ code: 'EVIDENCE_UNREADABLE', exitCode: EXIT.UNKNOWN });
    expect(error.message).toMatch(message);
    expect(error.where).toContain(path);
  }
}

describe('a run folder', () => {
  it.each([
    ['a FIFO', makeFifo, /not a regular file: it is a FIFO/],
    ['a link to a folder', (path: string) => symlinkSync('/tmp', path), /it is a link/],
    ['a link to a file', (path: string) => symlinkSync('/etc/hostname', path), /it is a link/],
    ['a dangling link', (path: string) => symlinkSync('nowhere', path), /it is a link/],
    ['a link to a device', (path: string) => symlinkSync('/dev/zero', path), /it is a link/],
  ])('is rejected with %s anywhere in it', (_what, make, message) => {
    for (const path of ['stray', 'trials/hit-miss-1/stray', 'report.md', 'logs/redis-2.log']) {
      const dir = scratch.copyRun(healthy);
      make(join(dir, path));
      expectRefused(dir, message, path);
    }
  });

  it.each(['manifest.json', 'seal.json', 'config.json', 'gates.json', 'drills.json', 'report.json', HISTORY])(
    'is rejected with a FIFO, a link or a folder in place of %s',
    (path) => {
      for (const make of [makeFifo, (at: string) => symlinkSync('nowhere', at)]) {
        const dir = scratch.copyRun(healthy);
        rmSync(join(dir, path));
        make(join(dir, path));
        expectRefused(dir, /not a regular file/, path);
      }
    },
  );

  it('is rejected if a file is moved and replaced by a link', () => {
    const dir = scratch.copyRun(healthy);
    renameSync(join(dir, HISTORY), join(scratch.dir, 'elsewhere.jsonl'));
    symlinkSync(join(scratch.dir, 'elsewhere.jsonl'), join(dir, HISTORY));
    expectRefused(dir, /it is a link/, HISTORY);
  });

  it('is rejected if it contains a socket', async () => {
    const dir = scratch.copyRun(healthy);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(dir, 'logs/s'), resolve));
    try {
      expectRefused(dir, /it is a socket/, 'logs/s');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('is rejected, or reported as incomplete, if it contains a folder in place of a file', () => {
    const dir = scratch.copyRun(healthy);
    rmSync(join(dir, 'manifest.json'));
    mkdirSync(join(dir, 'manifest.json'));
    expectRefused(dir, /it is a folder/, 'manifest.json');
    const other = scratch.copyRun(healthy);
    rmSync(join(other, HISTORY));
    mkdirSync(join(other, HISTORY));
    expect(analyzeRun(other).verdict.exitCode).toBe(EXIT.UNKNOWN);
    expect(verifyRun(other).problems).toContain(`${HISTORY} is missing`);
  });
});

describe('a file name', () => {
  const NAMES = [
    '',
    '.',
    '..',
    '../outside.jsonl',
    '/etc/hostname',
    'trials//kit.jsonl',
    'a/../config.json',
    'a\0b',
  ];

  it.each(NAMES)('in the manifest must be the name of a regular file in the folder, not %j', (name) => {
    const dir = scratch.copyRun(healthy);
    writeFileSync(join(dir, '..', 'outside.jsonl'), readFileSync(join(dir, HISTORY)));
    changeManifest(dir, (manifest: Manifest) => ({
      ...manifest,
      trials: manifest.trials.map((trial) => ({ ...trial, files: [...trial.files, name] })),
    }));
    expectRefused(dir, /must be the name of a regular file within the run folder/, 'manifest.json');
  });

  it.each(NAMES)('in the seal must be the name of a regular file in the folder, not %j', (name) => {
    const dir = scratch.copyRun(healthy);
    const file = { path: name, sha256: '0'.repeat(64), bytes: 0 };
    rewriteDigestsAndSeal(dir, (seal) => ({ ...seal, files: [...seal.files, file] }));
    expectRefused(dir, /not a regular file of the run folder/, 'seal.json');
  });

  it('that is not valid UTF-8 is reported as added after the seal', () => {
    const dir = scratch.copyRun(healthy);
    writeFileSync(Buffer.concat([Buffer.from(join(dir, 'logs/')), Buffer.from([0xff, 0xfe])]), 'x');
    expect(verifyRun(dir).problems).toEqual(['logs/\ufffd\ufffd is not in the seal: it was added later']);
  });
});

describe('reading evidence', () => {
  it('accepts only regular files below the size limit', () => {
    for (const [path, kind] of [
      ['/dev/null', 'a device'],
      ['/', 'a folder'],
    ] as const) {
      expect(catchKitError(() => digestFile(path)).message).toBe(`not a regular file: it is ${kind}`);
    }
    expect(catchKitError(() => readText(join(healthy, 'gates.json'), 10)).message).toMatch(
      /at most 10 can be judged/,
    );
  });
});
