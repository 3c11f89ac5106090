/**
 * Creates a long history from a recorded run: repeats the lines of one trial, with shifted times and ids, until the
 * trial has the requested size. Then seals the folder again, so that the judge accepts it.
 *
 *   recorded run ─▶ copy, without manifest, seal and reports ─▶ lines of one trial, repeated ─▶ sealed folder
 *
 * Each repetition writes its own keys, as a longer run would; its reads, final reads and values use the same keys. Only
 * the first repetition has the faults, because a trial has at most 4,000 fault events.
 */
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Manifest, TrialRecord } from '../../harness/evidence/manifest.ts';
import { createRunFolder, filesBelow, isDerived, MANIFEST } from '../../harness/evidence/run-folder.ts';
import type { HistoryEvent } from '../../harness/history/events.ts';

const BLOCK_CHARACTERS = 1 << 20;
/** Pause between two repetitions. */
const GAP_US = 100_000;

export interface LongRun {
  readonly bytes: number;
  readonly operations: number;
  readonly repetitions: number;
}

/**
 * Writes a run folder whose trial of a drill has at least the given size.
 *
 * @param source folder of a recorded run
 * @param dir folder that does not exist yet
 */
export function writeLongRun(source: string, dir: string, drill: string, bytes: number): LongRun {
  const manifest = JSON.parse(readFileSync(join(source, MANIFEST), 'utf8')) as Manifest;
  const record = manifest.trials.find((trial) => trial.drill === drill);
  if (record === undefined) throw new Error(`${source} has no trial of ${drill}`);
  const { digests: _digests, ...unsealed } = manifest;
  const folder = createRunFolder(dir, unsealed);
  for (const path of filesBelow(source)) {
    if (path === MANIFEST || isDerived(path) || record.files.includes(path)) continue;
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    copyFileSync(join(source, path), join(dir, path));
  }
  const recorded = record.files.reduce((sum, path) => sum + statSync(join(source, path)).size, 0);
  const repetitions = Math.ceil(bytes / recorded);
  const everyUs = record.endedUs - record.startedUs + GAP_US;
  const counts = record.files.map((path) =>
    repeatFile(join(source, path), join(dir, path), { record, repetitions, everyUs }),
  );
  const endedUs = record.endedUs + (repetitions - 1) * everyUs;
  const trials = manifest.trials.map((trial) => (trial === record ? { ...trial, endedUs } : trial));
  folder.seal({ ...unsealed, trials });
  return {
    bytes: record.files.reduce((sum, path) => sum + statSync(join(dir, path)).size, 0),
    operations: counts.reduce((sum, count) => sum + count, 0),
    repetitions,
  };
}

interface Repetitions {
  readonly record: TrialRecord;
  readonly repetitions: number;
  readonly everyUs: number;
}

/** Returns the number of operations that were written. */
function repeatFile(from: string, to: string, { repetitions, everyUs }: Repetitions): number {
  const lines = readFileSync(from, 'utf8').split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as HistoryEvent);
  const ops = events.reduce((most, event) => Math.max(most, 'op' in event ? event.op + 1 : 0), 0);
  mkdirSync(dirname(to), { recursive: true });
  const file = openSync(to, 'wx');
  let block = '';
  let operations = 0;
  try {
    for (let n = 0; n < repetitions; n++) {
      for (const event of events) {
        const shifted = shiftEvent(event, {
          n,
          shiftUs: n * everyUs,
          ops,
          lastUs: (repetitions - 1) * everyUs,
        });
        if (shifted === undefined) continue;
        if (shifted.type === 'invoke') operations++;
        block += `${JSON.stringify(shifted)}\n`;
        if (block.length < BLOCK_CHARACTERS) continue;
        writeSync(file, block);
        block = '';
      }
    }
    writeSync(file, block);
  } finally {
    closeSync(file);
  }
  return operations;
}

interface Shift {
  readonly n: number;
  readonly shiftUs: number;
  /** Number of operation ids per repetition. */
  readonly ops: number;
  readonly lastUs: number;
}

/** Returns the event as it appears in the n-th repetition; undefined if it occurs only once in a trial. */
function shiftEvent(event: HistoryEvent, shift: Shift): HistoryEvent | undefined {
  const { n, shiftUs, ops } = shift;
  const atUs = event.atUs + shiftUs;
  const renamed = (key: string) => (n === 0 ? key : `${key}.${n}`);
  switch (event.type) {
    case 'invoke':
      return {
        ...event,
        op: event.op + n * ops,
        key: renamed(event.key),
        ...(event.keys !== undefined && { keys: event.keys.map(renamed) }),
        intendedUs: event.intendedUs + shiftUs,
        atUs,
      };
    case 'ok':
    case 'fail':
    case 'info':
      return { ...event, op: event.op + n * ops, atUs };
    case 'final':
      return {
        ...event,
        atUs: event.atUs + shift.lastUs,
        entries: event.entries.map(([key, value]) => [renamed(key), value]),
      };
    case 'observe':
      return { ...event, atUs, ...shiftData(event.data, shift) };
    case 'fault':
    case 'expect':
      return n === 0 ? event : undefined;
  }
}

type Data = Extract<HistoryEvent, { type: 'observe' }>['data'];

/** Shifts the times in the data of an observation. The measured window lasts to the end of the last repetition. */
function shiftData(data: Data, { shiftUs, lastUs }: Shift): { readonly data?: NonNullable<Data> } {
  if (data === undefined) return {};
  const shifted = Object.entries(data).map(([name, value]) => {
    if (typeof value !== 'number') return [name, value];
    if (name === 'endUs') return [name, value + lastUs];
    return [name, name === 'fromUs' ? value + shiftUs : value];
  });
  return { data: Object.fromEntries(shifted) };
}
