/**
 * Reasons why a server would not start with a given configuration file, in the order of the file's lines. Pure: facts
 * about the machine are left out (paths, ports in use, build options of the server).
 *
 * lines + server ─▶ each line alone, Sentinel's options, users, renamed commands ─▶ conflicts between lines
 */

import type { Reading, Refusal } from './refusal.ts';
import { renameRefusals } from './renamed-commands.ts';
import { sentinelRefusals } from './sentinel.ts';
import { settingRefusals } from './settings.ts';
import { combinationRefusals } from './together.ts';
import { userRefusals, userSourceRefusals } from './users.ts';

export type { Mode, Refusal } from './refusal.ts';

/** Returns at most one refusal per line: the server stops at the first. */
export function refusalsOf(reading: Reading): readonly Refusal[] {
  const single = [
    ...settingRefusals(reading),
    ...(reading.mode === 'sentinel' ? sentinelRefusals(reading) : []),
    ...renameRefusals(reading),
    ...userRefusals(reading),
  ];
  const refused = new Set(single.map(({ line }) => line));
  const accepted = { ...reading, lines: reading.lines.filter(({ line }) => !refused.has(line)) };
  const together = [...userSourceRefusals(accepted), ...combinationRefusals(accepted)];
  const all = [...single, ...together.map((each) => ({ ...each, isOfLine: false }))];
  const lines = new Set<number>();
  return all
    .toSorted((a, b) => a.line - b.line)
    .filter(({ line }) => line === 0 || (!lines.has(line) && lines.add(line)));
}
