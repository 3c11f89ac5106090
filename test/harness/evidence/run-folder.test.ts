import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../harness/evidence/canonical-json.ts';
import { openEvidence } from '../../../harness/evidence/open.ts';
import {
  createRunFolder,
  digestFile,
  filesBelow,
  readPieces,
  writeAtomically,
} from '../../../harness/evidence/run-folder.ts';
import { catchKitError } from '../../support/kit-error.ts';
import { MANIFEST } from '../healthy-run.ts';

let scratch = '';
let count = 0;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'kit-evidence-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));
const fresh = () => join(scratch, `run-${++count}`);

describe('a run folder', () => {
  it('is marked incomplete from its creation', () => {
    const { dir } = createRunFolder(fresh(), MANIFEST);
    const evidence = openEvidence(dir);
    expect(evidence.manifest.incomplete).toBe('the run was interrupted');
    expect(evidence.seal).toBeUndefined();
    expect(evidence.integrity.missing).toEqual(['seal.json']);
  });

  it('seals every file except reports with its SHA-256, and leaves no partial file', () => {
    const folder = createRunFolder(fresh(), MANIFEST);
    const configSha256 = folder.writeConfig({ name: 'dev' });
    folder.writeGates({ gates: [] });
    folder.writeDrills([{ id: 'a' }]);
    folder.sink({ command: 'git', stdout: 'x' });
    folder.sink({ command: 'git', stdout: 'y' });
    const log = join(scratch, 'node.log');
    writeFileSync(log, 'Ready\n');
    folder.collectLogs(
      new Map([
        ['redis-1', log],
        ['redis-2', join(scratch, 'never-written')],
      ]),
    );
    const seal = folder.seal({ ...MANIFEST, configSha256 });
    folder.writeReport('report.json', '{}\n');
    expect(seal.files.map(({ path }) => path)).toEqual([
      'config.json',
      'drills.json',
      'gates.json',
      'logs/programs.jsonl',
      'logs/redis-1.log',
      'manifest.json',
    ]);
    for (const { path, sha256, bytes } of seal.files) {
      const content = readFileSync(join(folder.dir, path));
      expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
      expect(bytes).toBe(content.length);
    }
    expect(readdirSync(folder.dir).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(openEvidence(folder.dir).integrity).toEqual({ missing: [], altered: [], unsealed: [] });
    expect(readFileSync(join(folder.dir, 'logs/programs.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('rejects a folder that is not empty', () => {
    const dir = fresh();
    mkdirSync(dir);
    createRunFolder(dir, MANIFEST);
    expect(catchKitError(() => createRunFolder(dir, MANIFEST))).toMatchObject({
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: dir,
    });
  });

  it('rejects a path to a file', () => {
    const path = fresh();
    writeFileSync(path, '');
    expect(catchKitError(() => createRunFolder(path, MANIFEST))).toMatchObject({
      code: 'RUN_FOLDER_NOT_EMPTY',
      where: path,
      message: expect.stringContaining('is a file'),
    });
  });

  it('detects a configuration that does not match the manifest, even without a seal', () => {
    const folder = createRunFolder(fresh(), { ...MANIFEST, configSha256: 'a'.repeat(64) });
    folder.writeConfig({});
    expect(openEvidence(folder.dir).integrity.altered).toEqual(['config.json']);
  });

  it('reports a failed write in one error, with exit code 3', () => {
    const file = join(scratch, 'a-file');
    writeFileSync(file, '');
    expect(catchKitError(() => createRunFolder(join(file, 'run'), MANIFEST))).toMatchObject({
      code: 'EVIDENCE_NOT_WRITTEN',
      exitCode: 3,
    });
    const folder = createRunFolder(fresh(), MANIFEST);
    writeFileSync(join(folder.dir, 'logs'), 'a file where a folder belongs');
    expect(catchKitError(() => folder.sink({})).code).toBe('EVIDENCE_NOT_WRITTEN');
    expect(catchKitError(() => folder.collectLogs(new Map([['redis-1', file]]))).code).toBe(
      'EVIDENCE_NOT_WRITTEN',
    );
    expect(catchKitError(() => folder.addInput('coverage', join(scratch, 'nothing'))).code).toBe(
      'INPUT_NOT_FOUND',
    );
  });

  it('reports a full disk, and leaves no partial file', () => {
    const dir = fresh();
    mkdirSync(dir);
    symlinkSync('/dev/full', join(dir, 'report.json.partial'));
    const error = catchKitError(() => writeAtomically(join(dir, 'report.json'), 'x'.repeat(100)));
    expect(error.message).toMatch(/no space left on the disk/);
    expect(error.hint).toMatch(/free space/);
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('run folder files', () => {
  it('are listed in a fixed order, and have the same hash whether they are read whole or in chunks', () => {
    const dir = fresh();
    mkdirSync(join(dir, 'b'), { recursive: true });
    const large = Buffer.alloc(3 * 1024 * 1024 + 7, 'z');
    for (const [path, content] of [
      ['b/1', 'x'],
      ['a', large],
      ['B', ''],
    ] as const)
      writeFileSync(join(dir, path), content);
    expect(filesBelow(dir)).toEqual(['B', 'a', 'b/1']);
    expect(filesBelow(join(dir, 'none'))).toEqual([]);
    expect(digestFile(join(dir, 'a'))).toEqual({
      sha256: createHash('sha256').update(large).digest('hex'),
      bytes: large.length,
    });
  });
});

describe('canonical JSON', () => {
  it('is the same regardless of the order of the keys, and ends with a line feed', () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: null, schema: 's', id: 'i' })).toBe(
      canonicalJson({ id: 'i', a: null, schema: 's', b: [{ d: 1 }] }),
    );
    expect(canonicalJson({ b: 1, schema: 's' })).toBe('{\n  "schema": "s",\n  "b": 1\n}\n');
  });

  it('rejects numbers that JSON cannot represent', () => {
    expect(() => canonicalJson({ a: [Number.NaN] })).toThrow(
      /\$\.a\[0\]: must be a finite number, or null if not measured, got NaN/,
    );
  });
});

describe('readPieces', () => {
  it('returns all pieces of a file on each iteration', () => {
    const file = fresh();
    const content = Buffer.alloc(2_500_000, 'abcdefg');
    writeFileSync(file, content);
    const pieces = readPieces(file, content.length);
    for (const _time of [1, 2]) {
      const copies = Array.from(pieces, (piece) => Buffer.from(piece));
      expect(copies.length).toBeGreaterThan(1);
      expect(Buffer.concat(copies).equals(content)).toBe(true);
    }
  });

  it('refuses a file above the limit, and any file that is not regular, before reading it', () => {
    const file = fresh();
    writeFileSync(file, 'four');
    symlinkSync(file, `${file}-link`);
    expect(catchKitError(() => readPieces(file, 3))).toMatchObject({
      code: 'EVIDENCE_UNREADABLE',
      message: '4 bytes; at most 3 can be judged',
    });
    expect(catchKitError(() => readPieces(`${file}-link`, 9)).message).toContain('not a regular file');
  });
});
