/**
 * One real run, recorded once by the real command. Its folder is copied, and one part of the copy is removed or
 * changed. The copy is never a GO, and `verify` names the files that differ from the sealed ones.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT, KitError } from '../../config/errors.ts';
import { filesBelow } from '../../harness/evidence/run-folder.ts';
import { analyzeRun, type Verification, verifyRun } from '../../harness/judge/index.ts';
import { renderers } from '../../harness/reports/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import { CliHarness, type CommandResult, isExcused } from '../support/cli-harness.ts';

const DRILLS = ['hit-miss', 'ttl-expiry', 'corrupt-payload', 'key-versioning', 'timeout-fallback', 'breaker'];
const REPORTS = ['report.html', 'report.json', 'report.md', 'junit.xml', 'ctrf.json'];

const cli = new CliHarness();
const scratch = mkdtempSync(join(tmpdir(), 'kit-evidence-'));
let run: CommandResult;
let original: Report;
let sealed: readonly string[];

beforeAll(async () => {
  run = await cli.runKit('drill', ...DRILLS, '--out', 'run', '--json');
  original = cli.readReport('run');
  sealed = filesBelow(folder()).filter((path) => path.includes('/') || !REPORTS.includes(path));
});
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  await cli[Symbol.asyncDispose]();
});

const folder = () => join(cli.path, 'run');

function copy(): string {
  const to = join(scratch, String(readdirSync(scratch).length));
  cpSync(folder(), to, { recursive: true });
  return to;
}

function changeOneBit(path: string, at: (bytes: number) => number = (bytes) => bytes >> 1): void {
  const content = readFileSync(path);
  const index = at(content.length);
  content.writeUInt8(content.readUInt8(index) ^ 1, index);
  writeFileSync(path, content);
}

describe('a recorded run', () => {
  it('passes, and stdout is its report.json', () => {
    cli.expectNoFailures(run, 'run');
    expect(run.out).toBe(readFileSync(join(folder(), 'report.json'), 'utf8'));
  });

  it('names the server of each node', () => {
    expect(original.run.provenance.servers).toMatch(
      /^Redis \d[\d.]+: redis-1, redis-2, redis-3, sentinel-1, sentinel-2, sentinel-3$/,
    );
  });

  it('lists the trials, observations and evidence files of every criterion, with their SHA-256', () => {
    for (const one of original.verdict.criteria) {
      expect(Object.keys(one), one.id).toEqual(
        expect.arrayContaining([
          'id',
          'state',
          'scope',
          'target',
          'measured',
          'unit',
          'n',
          'bound',
          'evidence',
        ]),
      );
      if (one.state === 'OUT_OF_SCOPE') continue;
      expect(one.evidence.length, one.id).toBeGreaterThan(0);
      for (const { sha256, path } of one.evidence) {
        expect(sha256, path).toMatch(/^[0-9a-f]{64}$/);
        expect([...sealed, 'seal.json'], one.id).toContain(path);
      }
    }
  });

  it('passes kit verify, and each analysis reproduces the stored bytes', async () => {
    expect(await cli.runKit('verify', 'run')).toMatchObject({ exitCode: EXIT.GO, err: '' });
    const again = await cli.runKit('analyze', 'run', '--json');
    expect(again.exitCode).toBe(run.exitCode);
    expect(again.out).toBe(readFileSync(join(folder(), 'report.json'), 'utf8'));
    for (const [name, render] of Object.entries(renderers)) {
      expect(render(analyzeRun(folder())), name).toBe(readFileSync(join(folder(), name), 'utf8'));
    }
  });
});

describe('a recorded run, later and on another machine', () => {
  afterAll(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });

  it('passes kit verify two years later, in another time zone and locale', () => {
    vi.useFakeTimers({ now: Date.now() + 2 * 365 * 24 * 3_600_000, toFake: ['Date'] });
    vi.stubEnv('TZ', 'Pacific/Kiritimati');
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
    expect(verifyRun(copy(), renderers)).toEqual({ ok: true, problems: [], notes: [] });
  });
});

describe('a run without one of its files', () => {
  it('is never a GO, and every criterion that needs the file is NOT_MEASURED', () => {
    expect(sealed.length).toBeGreaterThan(15);
    for (const path of sealed) {
      const dir = copy();
      rmSync(join(dir, path));
      const report = outcome(() => analyzeRun(dir));
      if (report instanceof KitError) {
        expect(path).toBe('manifest.json');
        expect(report).toMatchObject({ code: 'EVIDENCE_UNREADABLE', exitCode: EXIT.UNKNOWN });
        continue;
      }
      expect(report.verdict, path).toMatchObject({ decision: 'UNKNOWN', exitCode: EXIT.UNKNOWN });
      if (path !== 'seal.json') expect(report.integrity.missing).toEqual([path]);
      for (const before of original.verdict.criteria) {
        const { id, evidence } = before;
        if (path === 'seal.json' || !evidence.some((ref) => ref.path === path)) continue;
        const now = report.verdict.criteria.find((one) => one.id === id);
        // Other trials of the criterion may still be INVALID.
        const states = isExcused(before) ? ['NOT_MEASURED', 'INVALID'] : ['NOT_MEASURED'];
        expect(states, `${id} without ${path}`).toContain(now?.state);
      }
      expect(problems(outcome(() => verifyRun(dir, renderers))), path).toContain(path);
    }
  });

  it('makes kit analyze exit with 3 and kit verify with 1', async () => {
    const dir = copy();
    const path = 'trials/hit-miss-1/events.jsonl';
    rmSync(join(dir, path));
    const analyzed = await cli.runKit('analyze', dir);
    expect(analyzed.exitCode).toBe(EXIT.UNKNOWN);
    expect(analyzed.out).toMatch(/^UNKNOWN /);
    expect(analyzed.out).toContain(`${path} is missing`);
    const verified = await cli.runKit('verify', dir);
    expect(verified.exitCode).toBe(EXIT.NO_GO);
    expect(verified.out).toContain(`${path} is missing`);
  });
});

describe('a run with one changed byte', () => {
  it('fails kit verify for every file and every position, and the file is named', () => {
    const places = [() => 0, (bytes: number) => bytes >> 1, (bytes: number) => bytes - 1];
    // The seal has its own test: if a path or hash in the seal was changed, verify reports the file that the entry
    // names.
    for (const path of [...sealed.filter((one) => one !== 'seal.json'), ...REPORTS]) {
      for (const place of places) {
        const dir = copy();
        changeOneBit(join(dir, path), place);
        const result = outcome(() => verifyRun(dir, renderers));
        expect(result instanceof KitError || !result.ok, path).toBe(true);
        expect(problems(result), path).toContain(path);
        rmSync(dir, { recursive: true });
      }
    }
  });

  it('fails kit verify at every position in the seal', () => {
    const { length } = readFileSync(join(folder(), 'seal.json'));
    for (let at = 0; at < length; at += 53) {
      const dir = copy();
      changeOneBit(join(dir, 'seal.json'), () => at);
      expect(verifyRun(dir, renderers).ok, `byte ${at}`).toBe(false);
      rmSync(dir, { recursive: true });
    }
  });

  it('is no longer a GO when the byte is in evidence, and keeps its verdict when the byte is in a report', () => {
    for (const path of sealed) {
      const dir = copy();
      changeOneBit(join(dir, path));
      const report = outcome(() => analyzeRun(dir));
      const exitCode = report instanceof KitError ? report.exitCode : report.verdict.exitCode;
      expect(exitCode, path).toBe(EXIT.UNKNOWN);
    }
    const dir = copy();
    for (const name of REPORTS) changeOneBit(join(dir, name));
    expect(analyzeRun(dir)).toEqual(original);
  });

  it('changes the exit code of the command, with and without --json', async () => {
    const dir = copy();
    changeOneBit(join(dir, 'logs/redis-1.log'));
    const told = await cli.runKit('verify', dir);
    expect(told.exitCode).toBe(EXIT.NO_GO);
    expect(told.out).toContain('logs/redis-1.log was altered');
    const { exitCode, out } = await cli.runKit('verify', dir, '--json');
    expect(exitCode).toBe(EXIT.NO_GO);
    expect(JSON.parse(out)).toMatchObject({ ok: false });
  });
});

function outcome<T>(work: () => T): T | KitError {
  try {
    return work();
  } catch (error) {
    if (error instanceof KitError) return error;
    throw error;
  }
}

/** All messages from a verification as one string, or a kit error as the command prints it. */
function problems(result: Verification | KitError): string {
  return result instanceof KitError ? `${result.where}: ${result.message}` : result.problems.join('\n');
}
