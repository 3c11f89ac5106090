/** Import rules for the `kit` command and for the commands that work on cached data. */
import { CLIENT_ENTRIES } from './client-rooms.ts';
import { type Room, room } from './rules.ts';

/**
 * @param pureInfra the pure files of `infra/`
 * @param recorded types of recorded data
 */
export const commandRooms = (pureInfra: readonly string[], recorded: readonly string[]): readonly Room[] => [
  room('scripts/kit.ts', 'starts the checkout or the package', ['scripts/'], { libraries: ['<computed>'] }),
  room(
    'scripts/',
    'the kit command: parse, call, exit',
    [
      'config/',
      ...[
        'run/index',
        'registry',
        'health',
        'judge/index',
        'judge/pool/index',
        'judge/compare/index',
        'judge/statement',
        'judge/thread/index',
        'reports/index',
        'drills/drill',
      ].map((name) => `harness/${name}.ts`),
      ...pureInfra,
      'canary/index.ts',
      'infra/operations/',
      'infra/backup/',
      'infra/redis/server-binary.ts',
      'infra/substrates/registry.ts',
      ...['drift', 'plan', 'build-images', 'images-lock', 'bundle'].map(
        (name) => `infra/substrates/docker/${name}.ts`,
      ),
    ],
    { types: ['infra/', ...recorded], libraries: ['commander'] },
  ),
  room(
    'scripts/cache/',
    'the commands on cached data: a cache of the public client, and the servers behind it',
    [
      ...[
        'scripts/',
        'config/',
        ...pureInfra,
        'infra/operations/',
        'infra/host/wait.ts',
        'infra/redis/ping.ts',
        'infra/substrates/registry.ts',
      ],
      ...['adapter', 'kit'].map((name) => `harness/workloads/${name}.ts`),
      ...CLIENT_ENTRIES,
    ],
    { types: ['infra/'], libraries: ['commander', 'ioredis'] },
  ),
  room(
    'scripts/canary/',
    'the commands on a canary rollout: the library, and a cache of the public client',
    ['scripts/', 'config/', 'canary/index.ts', ...CLIENT_ENTRIES],
    { libraries: ['commander'] },
  ),
  room(
    'scripts/cache/strategy-module.ts',
    'loads the module of an application that the user names',
    ['config/errors.ts', ...CLIENT_ENTRIES],
    { libraries: ['<computed>'] },
  ),
];
