/** Detects a binary file: it is one finding instead of thousands. */
import type { ConfLine } from '../conf-text.ts';
import type { ServerVersion } from '../server-version.ts';
import { type Finding, finding } from './finding.ts';
import type { Mode } from './start/index.ts';
import { startRules } from './start-rules.ts';

const SOURCE = 'src/config.c, loadServerConfig';
/** Lines of a file with zero bytes that are looked at: the server stops at the first that it refuses. */
const LINES_MAX = 20;

/** A finding where the text has zero bytes, with the first line that a server refuses; undefined where it is a text. */
export function checkText(
  text: string,
  lines: readonly ConfLine[],
  servers: readonly ServerVersion[],
  mode: Mode,
): Finding | undefined {
  const zero = text.indexOf('\0');
  if (zero === -1) return undefined;
  const remedy =
    text.startsWith('\ufffd') || text.charCodeAt(1) === 0
      ? UTF_16
      : 'give a redis.conf, valkey.conf or sentinel.conf';
  const line = text.slice(0, zero).split('\n').length;
  const [refused] = startRules(() => lines.slice(0, LINES_MAX), servers, mode).findings.filter(
    (each) => each.refusesStart,
  );
  const place = { line: refused?.line ?? line, directive: '' };
  if (refused === undefined) {
    const reason =
      'a zero byte: the server drops it and the rest of the line, and reads the next line as part of it';
    return finding('warning', place, reason, SOURCE, remedy);
  }
  const who = mode === 'sentinel' ? 'Sentinel' : 'the server';
  const reason = `not a text file, it has zero bytes: ${who} does not start`;
  return { ...finding('error', place, reason, SOURCE, remedy), refusesStart: true };
}

const UTF_16 = 'save it as UTF-8 (this may be UTF-16)';
