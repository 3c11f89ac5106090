/**
 * Reason why one server does not start with a file. A leaf module: the checks in `start/` return it, `start-rules.ts`
 * reports it.
 */

import type { ServerVersion } from '../../../server-version.ts';
import type { ConfLine } from '../../text.ts';
import { CONFIG_C } from '../sources.ts';

export interface Refusal {
  /** Line number, from 1; 0 for a missing line. */
  readonly line: number;
  readonly directive: string;
  readonly reason: string;
  readonly source: string;
  readonly remedy: string;
  /** Whether the line is refused because of its own content, not because of other lines. */
  readonly isOfLine: boolean;
  /**
   * Whether the refusal is certain. False if a module, or a server newer than the measured ones, may define the word.
   */
  readonly isCertain: boolean;
}

/** Kind of the file: redis.conf or sentinel.conf. */
export type Mode = 'server' | 'sentinel';

/** A file as one server reads it. */
export interface Reading {
  readonly lines: readonly ConfLine[];
  readonly server: ServerVersion;
  readonly mode: Mode;
  /** Whether the file loads modules or other files, which may define directives and commands. */
  readonly isOpenEnded: boolean;
}

export function refusal(
  line: ConfLine,
  reason: string,
  remedy: string,
  more: { readonly source?: string; readonly isCertain?: boolean } = {},
): Refusal {
  const { source = CONFIG_C, isCertain = true } = more;
  return { line: line.line, directive: line.name ?? '', reason, remedy, source, isOfLine: true, isCertain };
}
