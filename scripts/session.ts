/** What every verb gets, and how it says what it has to say. */
import { resolve } from 'node:path';
import { readVariables } from '../config/env.ts';
import type { ExitCode } from '../config/errors.ts';
import type { Terminal } from './terminal.ts';

export interface Session {
  /** As typed, for the manifest. */
  readonly args: readonly string[];
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  exitCode: ExitCode;
}

/** Where environments keep processes, data and secrets: `KIT_STATE_DIR`, else `.kit` in the working directory. */
export function stateDir(): string {
  return resolve(readVariables().get('KIT_STATE_DIR')?.text ?? '.kit');
}

/** The result: for a program one JSON value, for a person the text. */
export function answer(session: Session, value: unknown, text: string): void {
  session.terminal.print(session.json ? `${JSON.stringify(value, null, 2)}\n` : withNewline(text));
}

/** The examples at the end of a help text, their comments in one column. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`).join('\n')}`;
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
