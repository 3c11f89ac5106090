/**
 * Shows a view that is refreshed at an interval.
 *
 *   a terminal  ─▶ alternate screen; each frame overwrites the previous one in place, so nothing flickers
 *   a pipe      ─▶ one frame after the other; with --json one JSON value per line
 *
 * Ctrl-C ends the view. The terminal is restored on every path, even when the process exits.
 */
import { stripVTControlCharacters } from 'node:util';
import { KitError } from '../../config/errors.ts';
import { pause } from '../../infra/host/wait.ts';
import type { Session } from '../session.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
/** A terminal that supports synchronized output draws a frame in one step; others ignore the sequences. */
const BEGIN_FRAME = '\x1b[?2026h\x1b[H';
const END_FRAME = '\x1b[J\x1b[?2026l';
const END_LINE = '\x1b[K';

export interface Frame {
  readonly value: unknown;
  readonly text: string;
}

export interface LiveOptions {
  readonly intervalMs: number;
  /** Maximum number of frames; default: no limit. */
  readonly frames?: number;
}

/** Shows frames until Ctrl-C. If a frame cannot be read, its error is shown and the next one is tried. */
export async function showLive(
  session: Session,
  { intervalMs, frames = Number.POSITIVE_INFINITY }: LiveOptions,
  read: () => Promise<Frame>,
): Promise<void> {
  const { terminal, signal, json } = session;
  const onScreen = terminal.isInteractive && !json && frames > 1;
  const restore = () => terminal.print(LEAVE);
  if (onScreen) {
    terminal.print(ENTER);
    process.once('exit', restore);
  }
  try {
    for (let shown = 1; ; shown += 1) {
      const frame = await read().catch((error: unknown) => failedFrame(error, frames));
      signal.throwIfAborted();
      if (onScreen) terminal.print(screenOf(frame.text, terminal.width, terminal.height));
      else terminal.print(json ? `${JSON.stringify(frame.value)}\n` : `${frame.text}\n`);
      if (shown >= frames) return;
      if (!onScreen && !json) terminal.print('\n');
      await pause(intervalMs, signal);
    }
  } finally {
    if (onScreen) {
      process.off('exit', restore);
      restore();
    }
  }
}

/** Returns the text to write, cut to the width and height of the screen. It overwrites the previous frame. */
function screenOf(text: string, columns: number, rows: number): string {
  const lines = text.split('\n').slice(0, Math.max(1, rows - 1));
  return `${BEGIN_FRAME}${lines.map((line) => `${cutLine(line, columns)}${END_LINE}`).join('\r\n')}${END_FRAME}`;
}

function cutLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= columns ? line : plain.slice(0, columns);
}

/**
 * Returns a frame that shows the error, because the view continues during an outage. If only one frame was requested,
 * throws the error.
 */
function failedFrame(error: unknown, frames: number): Frame {
  if (frames === 1 || !isExpected(error)) throw error;
  const { message } = error;
  return { value: { error: { message } }, text: `cannot be read: ${message}` };
}

/** Whether the error comes from the environment or its connections. A TypeError does not: it is a defect in the kit. */
function isExpected(error: unknown): error is Error {
  if (error instanceof KitError) return error.exitCode !== 2;
  return error instanceof Error && !(error instanceof TypeError) && error.name !== 'AbortError';
}
