/**
 * A history of 30 MB is judged in a process whose heap could hold neither the text of the history nor its operations as
 * objects.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { writeLongRun } from '../../../bench/history/repeat.ts';
import { masterCrash } from '../../../harness/drills/master-crash.ts';
import { analyzeRun } from '../../../harness/judge/index.ts';
import type { Report } from '../../../harness/reports/report.ts';
import { ScratchRuns } from '../scratch-runs.ts';

const HEAP_MB = 64;
const HISTORY_BYTES = 30e6;
const KIT = join(import.meta.dirname, '../../../scripts/kit.ts');

const scratch = new ScratchRuns();
afterAll(() => scratch[Symbol.dispose]());

it(`a 30 MB history is judged the same with a heap of ${HEAP_MB} MB as without a limit`, async () => {
  const { dir } = scratch.createRun({ drills: [masterCrash], manifest: { kind: 'drill' } });
  const long = scratch.newPath();
  const { bytes, operations } = writeLongRun(dir, long, masterCrash.id, HISTORY_BYTES);
  expect(bytes).toBeGreaterThanOrEqual(HISTORY_BYTES);
  expect(operations).toBeGreaterThan(50_000);
  const limited = [`--max-old-space-size=${HEAP_MB}`, KIT, 'analyze', long, '--json'];
  const run = promisify(execFile)(process.execPath, limited, { maxBuffer: 64 * 1024 ** 2 });
  // The process exits with the code of the verdict.
  const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
  const report = JSON.parse(stdout) as Report;
  expect(report).toEqual(JSON.parse(JSON.stringify(analyzeRun(long))));
  expect(report.trials.find(({ drill }) => drill === masterCrash.id)?.latencies.length).toBeGreaterThan(0);
});
