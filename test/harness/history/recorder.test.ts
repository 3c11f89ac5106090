import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openClock } from '../../../harness/history/clock.ts';
import type { ObservationEvent } from '../../../harness/history/events.ts';
import { openRecorder } from '../../../harness/history/recorder.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'recorder-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const mark = (n: number): ObservationEvent => ({
  type: 'observe',
  from: 'workload',
  name: `mark-${n}`,
  atUs: n,
  data: { padding: 'x'.repeat(200) },
});

it('the recorder writes every event as a separate line, in order', async () => {
  const path = join(dir, 'deep', 'events.jsonl');
  const recorder = openRecorder(path);
  for (let n = 0; n < 2_000; n++) recorder.record(mark(n));
  await recorder.close();
  const names = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as ObservationEvent).name);
  expect(names).toEqual(Array.from({ length: 2_000 }, (_, n) => `mark-${n}`));
});

it('the recorder drops events after close, and close is idempotent', async () => {
  const path = join(dir, 'events.jsonl');
  const recorder = openRecorder(path);
  await recorder.close();
  recorder.record(mark(1));
  await recorder.close();
  expect(readFileSync(path, 'utf8')).toBe('');
});

it('the recorder never overwrites an existing history', async () => {
  const path = join(dir, 'events.jsonl');
  await openRecorder(path).close();
  await expect(openRecorder(path).close()).rejects.toThrow('cannot write the history');
});

it('the recorder reports once that a history cannot be written, and close rejects', async () => {
  const path = join(dir, 'events.jsonl');
  mkdirSync(path);
  const told: string[] = [];
  const recorder = openRecorder(path, (error) => told.push(error.code));
  recorder.record(mark(1));
  await expect(recorder.close()).rejects.toMatchObject({ code: 'HISTORY_NOT_WRITTEN', where: path });
  expect(told).toEqual(['HISTORY_NOT_WRITTEN']);
});

it('the recorder leaves only complete lines when its thread ends abruptly', async () => {
  const path = join(dir, 'events.jsonl');
  const script = `
    import { workerData } from 'node:worker_threads';
    import { openRecorder } from '${new URL('../../../harness/history/recorder.ts', import.meta.url).href}';
    const recorder = openRecorder(workerData);
    for (let n = 0; ; n++) {
      recorder.record({ type: 'observe', from: 'workload', name: 'mark-' + n, atUs: n, data: { x: 'y'.repeat(300) } });
      if (n % 500 === 0) await new Promise(setImmediate);
    }`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    workerData: path,
    execArgv: [],
  });
  await expect.poll(() => readSize(path), { interval: 20 }).toBeGreaterThan(200_000);
  await worker.terminate();
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const line of lines.slice(0, -1)) expect(() => JSON.parse(line) as unknown).not.toThrow();
});

function readSize(path: string): number {
  try {
    return readFileSync(path).length;
  } catch {
    return 0;
  }
}

it('clocks with the same origin show the same time', () => {
  const clock = openClock();
  const other = openClock(clock.originNs);
  const [before, between, after] = [clock.nowUs(), other.nowUs(), clock.nowUs()];
  expect(before).toBeLessThanOrEqual(between);
  expect(between).toBeLessThanOrEqual(after);
});
