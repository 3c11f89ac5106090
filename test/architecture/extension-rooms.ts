/** Imports of extension modules, and of the code that loads them. */
import { type Room, room } from './rules.ts';

export const EXTENSION_ROOMS: readonly Room[] = [
  room('harness/extension/extension.ts', 'types alone', [], {
    types: [
      ...['harness/checkers/', 'harness/drills/', 'harness/faults/', 'harness/workloads/'],
      ...['harness/reports/report.ts', 'client/index.ts', 'client/extras/warming/index.ts'],
    ],
    node: [],
  }),
  room(
    'harness/extension/',
    'parts of other repositories in addition to the built-in ones',
    [
      'config/errors.ts',
      ...['checkers/', 'drills/', 'faults/', 'history/events.ts', 'workloads/'].map(
        (name) => `harness/${name}`,
      ),
    ],
    { types: ['harness/reports/report.ts'] },
  ),
  room(
    'harness/extension/load.ts',
    'the only importer of modules that users name',
    [
      'config/errors.ts',
      ...['extension.ts', 'drill-shape.ts', 'client-shape.ts'].map((name) => `harness/extension/${name}`),
    ],
    { libraries: ['<computed>'] },
  ),
  room(
    'examples/extension/',
    'a user module: only the entry point of extensions, and the libraries of the user',
    ['harness/extension/index.ts'],
    { libraries: ['ioredis'] },
  ),
];
