/**
 * The recorder: a passive sink that streams events of a history to one file, one line of JSON each.
 *
 * Lines are buffered and written to the file in blocks of complete lines, a few times per second: a crash loses at most
 * the lines since the last block, and all earlier lines are complete. A write error (such as a full disk) is kept and
 * thrown by `close`, and reported once to `onError`, so that the trial can end: a history with holes must never be
 * judged.
 */
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { KitError } from '../../config/errors.ts';
import type { HistoryEvent } from './events.ts';

const BLOCK_CHARACTERS = 64 * 1024;
const FLUSH_EVERY_MS = 250;

export interface Recorder {
  readonly path: string;
  record(event: HistoryEvent): void;
  /** Writes the remaining lines. @throws KitError HISTORY_NOT_WRITTEN if any line was not written to the file */
  close(): Promise<void>;
}

/** Opens a recorder on a new file; its folder is created if needed. Events recorded after `close` are dropped. */
export function openRecorder(path: string, onError?: (error: KitError) => void): Recorder {
  makeFolder(dirname(path));
  const stream = createWriteStream(path, { flags: 'wx' });
  let lines: string[] = [];
  let characters = 0;
  let closing: Promise<void> | undefined;
  let failure: KitError | undefined;

  stream.on('error', (cause) => {
    failure ??= new KitError(`cannot write the history: ${cause.message}`, {
      code: 'HISTORY_NOT_WRITTEN',
      where: path,
      hint: 'free space on the disk or choose another folder with --out',
      cause,
    });
    onError?.(failure);
  });

  const flush = () => {
    if (lines.length === 0) return;
    const block = `${lines.join('\n')}\n`;
    lines = [];
    characters = 0;
    if (failure === undefined) stream.write(block);
  };
  const timer = setInterval(flush, FLUSH_EVERY_MS);
  timer.unref();

  return {
    path,
    record(event) {
      if (closing !== undefined) return;
      const line = JSON.stringify(event);
      lines.push(line);
      characters += line.length;
      if (characters >= BLOCK_CHARACTERS) flush();
    },
    close() {
      closing ??= new Promise<void>((resolve, reject) => {
        clearInterval(timer);
        flush();
        const settle = () => (failure === undefined ? resolve() : reject(failure));
        if (stream.closed) settle();
        else {
          stream.once('close', settle);
          stream.end();
        }
      });
      return closing;
    },
  };
}

/**
 * Creates the folder. Errors are ignored here, because opening the file then fails as well; all errors are thus
 * reported in one place.
 */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // The stream reports the error.
  }
}
