/** Context of every command, and its output functions. */
import { resolve } from 'node:path';
import { readVariables } from '../config/env.ts';
import type { ExitCode } from '../config/errors.ts';
import type { Terminal } from './terminal.ts';

export interface Session {
  /** Arguments as typed, for the manifest. */
  readonly args: readonly string[];
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  exitCode: ExitCode;
}

/**
 * Returns the directory for processes, data and secrets: `KIT_STATE_DIR`, otherwise `.kit` in the working directory.
 */
export function stateDir(): string {
  return resolve(readVariables().get('KIT_STATE_DIR')?.text ?? '.kit');
}

/** Prints the result: one JSON value for a program, text for a user. */
export function printResult(session: Session, value: unknown, text: string): void {
  session.terminal.print(session.json ? `${JSON.stringify(value, null, 2)}\n` : withNewline(text));
}

/** Formats the examples at the end of a help text, with aligned comments. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`).join('\n')}`;
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
