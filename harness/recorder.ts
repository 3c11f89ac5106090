/**
 * The recorder: a passive sink that streams events of a history to one file, a line of JSON each.
 *
 * Lines are gathered and handed to the file in blocks of whole lines, a few times a second: a crash loses at most the
 * last moments and leaves whole lines before them. What cannot be written (a full disk) is kept and thrown by `close`,
 * and told once to `onError`, so that the trial can end: a history with holes must never be judged.
 */
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { KitError } from '../config/errors.ts';
import type { HistoryEvent } from './history.ts';

const BLOCK_CHARACTERS = 64 * 1024;
const FLUSH_EVERY_MS = 250;

export interface Recorder {
  readonly path: string;
  record(event: HistoryEvent): void;
  /** Writes what is left. @throws KitError HISTORY_NOT_WRITTEN when any line did not reach the file */
  close(): Promise<void>;
}

/** Opens a recorder on a new file; its folder is made where needed. Events recorded after `close` are dropped. */
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

/** A folder that cannot be made shows as a file that cannot be opened: one way to fail. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch {
    // The stream's error says it.
  }
}
