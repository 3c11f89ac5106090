/** Import rules for the modules that read a recorded history. */
import { type Room, room } from './rules.ts';

/** @param shapes the pure files of `harness/evidence/` */
export const historyRooms = (shapes: readonly string[]): readonly Room[] => [
  room('harness/history/events.ts', 'the vocabulary of a record', [], { types: ['config/'], node: [] }),
  room('harness/history/lines.ts', 'pure: pieces of a file in, lines out', [], { node: [] }),
  room(
    'harness/history/parse.ts',
    'pure: lines in, a history out',
    [
      ...['events.ts', 'lines.ts', 'store/'].map((name) => `harness/history/${name}`),
      'config/errors.ts',
      ...shapes,
    ],
    { node: [] },
  ),
  room(
    'harness/history/store/',
    'pure: operations and texts of a history in compact form',
    ['harness/history/events.ts', 'harness/evidence/excerpt.ts'],
    { node: [] },
  ),
];
