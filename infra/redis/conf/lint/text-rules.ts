/** Detects a binary file, so that it causes one finding instead of thousands. */

import type { ServerVersion } from '../../server-version.ts';
import { parseConf } from '../text.ts';
import { type Finding, finding } from './finding.ts';
import type { Mode } from './start/index.ts';
import { startRules } from './start-rules.ts';

const SOURCE = 'src/config.c, loadServerConfig';
/** Number of characters to examine. */
const EXAMINED_MAX = 65_536;
/** Maximum number of lines that are checked in a binary file: the server stops at the first line that it refuses. */
const LINES_MAX = 20;
/**
 * Maximum share of control characters in text. In random bytes the share is 10 %; text contains none, except in rare
 * passwords.
 */
const CONTROL_CHARACTERS_MAX_SHARE = 0.02;

/** Returns a finding for a binary file, at the first line that the servers refuse; undefined for a text file. */
export function checkText(text: string, servers: readonly ServerVersion[], mode: Mode): Finding | undefined {
  const start = text.slice(0, EXAMINED_MAX);
  const sign = binarySign(text.indexOf('\0') === -1 ? start : text);
  if (sign === undefined) return undefined;
  const remedy =
    text.startsWith('\ufffd\ufffd') || text.charCodeAt(1) === 0
      ? 'save it as UTF-8 (this may be UTF-16)'
      : 'pass a redis.conf, valkey.conf or sentinel.conf';
  const lines = parseConf(start)
    .filter(({ name }) => name !== undefined)
    .slice(0, LINES_MAX);
  const [refused] = startRules(() => lines, servers, mode).findings.filter((each) => each.refusesStart);
  if (refused !== undefined) {
    const who = mode === 'sentinel' ? 'Sentinel' : 'the server';
    const reason = `not a text file, it has ${sign}: ${who} does not start`;
    const place = { line: refused.line, directive: '' };
    return { ...finding('error', place, reason, SOURCE, remedy), refusesStart: true };
  }
  const at = text.indexOf('\0');
  if (at === -1) return undefined;
  const reason = 'a zero byte: the server drops it and the rest of the line, and appends the next line';
  return finding(
    'warning',
    { line: text.slice(0, at).split('\n').length, directive: '' },
    reason,
    SOURCE,
    remedy,
  );
}

function binarySign(text: string): string | undefined {
  if (text.includes('\0')) return 'zero bytes';
  const controls = [...text].filter(isControl).length;
  return controls > text.length * CONTROL_CHARACTERS_MAX_SHARE ? 'control characters' : undefined;
}

/** Whether the character is a control character other than white space. */
function isControl(character: string): boolean {
  return (character < ' ' && !/[\t\n\v\f\r]/.test(character)) || character === '\x7f';
}
