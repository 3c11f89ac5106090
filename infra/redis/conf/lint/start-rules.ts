/** Combines the refusals by all target servers: an error if no server starts, a warning if some do. */

import { formatServer, type ServerVersion } from '../../server-version.ts';
import type { ConfLine } from '../text.ts';
import { type Finding, finding } from './finding.ts';
import { CONFIG_C } from './sources.ts';
import { type Mode, type Refusal, refusalsOf } from './start/index.ts';

interface Refused {
  readonly server: ServerVersion;
  readonly refusal: Refusal;
}

export interface StartFindings {
  readonly findings: readonly Finding[];
  /** Lines with a value that no server accepts; other rules skip them. */
  readonly invalidLines: ReadonlySet<number>;
}

/** Combines the refusals. @param linesFor returns the lines as a server reads them */
export function startRules(
  linesFor: (server: ServerVersion) => readonly ConfLine[],
  servers: readonly ServerVersion[],
  mode: Mode,
): StartFindings {
  const byPlace = new Map<string, Refused[]>();
  for (const server of servers) {
    const lines = linesFor(server);
    const isOpenEnded = lines.some(({ name }) => name === 'loadmodule' || name === 'include');
    for (const refusal of refusalsOf({ lines, server, mode, isOpenEnded })) {
      const place = `${refusal.line} ${refusal.directive}`;
      byPlace.set(place, [...(byPlace.get(place) ?? []), { server, refusal }]);
    }
  }
  const all = [...byPlace.values()];
  const found = all.map((refused) => refusalFinding(refused, servers, mode));
  const invalid = all.filter(
    (refused) => refused.length === servers.length && refused.every(({ refusal }) => refusal.isOfLine),
  );
  return {
    findings:
      found.length > FINDINGS_MAX ? [...found.slice(0, FINDINGS_MAX), remainingFinding(found)] : found,
    invalidLines: new Set(invalid.flatMap(([first]) => (first === undefined ? [] : [first.refusal.line]))),
  };
}

/** Maximum number of findings: the server stops at the first refused line, so a longer list does not help. */
const FINDINGS_MAX = 100;

function remainingFinding(found: readonly Finding[]): Finding {
  const { line = 0 } = found[FINDINGS_MAX] ?? {};
  const reason = 'further lines are rejected';
  return finding(
    'info',
    { line, directive: '' },
    reason,
    CONFIG_C,
    'fix the first ones and run the lint again',
  );
}

function refusalFinding(refused: readonly Refused[], servers: readonly ServerVersion[], mode: Mode): Finding {
  const who = mode === 'sentinel' ? 'Sentinel' : 'the server';
  const { line, directive, reason, source, remedy } = lastOf(refused).refusal;
  const common = { line, directive, source, remedy };
  const isCertain = refused.every(({ refusal }) => refusal.isCertain);
  if (refused.length === servers.length && isCertain) {
    return { ...common, severity: 'error', refusesStart: true, reason: `${reason}: ${who} does not start` };
  }
  if (!isCertain) {
    const open = `${reason}; unless a module or an included file defines it, ${who} does not start`;
    return { ...common, severity: 'warning', refusesStart: false, reason: open };
  }
  const names = refused.map(({ server }) => formatServer(server)).join(', ');
  return {
    ...common,
    severity: 'warning',
    refusesStart: false,
    reason: `${reason}: ${names} ${refused.length === 1 ? 'does' : 'do'} not start`,
  };
}

function lastOf(refused: readonly Refused[]): Refused {
  const last = refused.at(-1);
  if (last === undefined) throw new Error('no refusal to report');
  return last;
}
