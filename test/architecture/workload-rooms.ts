/** Import rules for the workloads, and the modules that every acting part of the harness may import. */
import { CLIENT_ENTRIES } from './client-rooms.ts';
import { type Room, room } from './rules.ts';

/** Modules through which the acting side of the harness observes and changes the environment. */
export const ACTING: readonly string[] = [
  'infra/substrates/environment.ts',
  'infra/topology.ts',
  'harness/history/events.ts',
  'harness/history/recorder.ts',
  'harness/history/clock.ts',
  'harness/wait.ts',
  'infra/redis/info.ts',
  'infra/redis/connection-options.ts',
  'config/',
];

export const WORKLOAD_ROOMS: readonly Room[] = [
  room(
    'harness/workloads/',
    'users of a cache: the public client, and the stock client',
    [...CLIENT_ENTRIES, ...ACTING, 'harness/drills/clients.ts', 'harness/statistics/hdr.ts'],
    {
      types: ['harness/drills/drill.ts', 'harness/faults/'],
      libraries: ['ioredis'],
    },
  ),
  room('harness/workloads/http/scenarios/', 'scripts of k6, which runs them; no module imports them', [], {
    libraries: ['k6'],
    node: [],
  }),
  room('harness/workloads/scripted/canary-rollback.ts', 'a rollout of the canary library', [
    'canary/index.ts',
    'harness/workloads/',
    ...CLIENT_ENTRIES,
    ...ACTING,
  ]),
  room('harness/workloads/http/k6.ts', 'runs k6', ['infra/host/process.ts', 'config/installation.ts']),
  room(
    'harness/workloads/load/',
    'load in steps: threads, their driver and redis-benchmark',
    [
      ...CLIENT_ENTRIES,
      ...ACTING,
      'harness/workloads/',
      'harness/statistics/',
      'harness/samplers/machine/proc.ts',
      'infra/host/process.ts',
    ],
    { libraries: ['ioredis'] },
  ),
  room(
    'harness/workloads/client-module.ts',
    'loads the client that is judged: the kit’s own, or the stand-in of a test',
    ['client/index.ts', 'config/errors.ts'],
    { libraries: ['<computed>'] },
  ),
  room(
    'harness/workloads/module-part.ts',
    'loads an extension module again in a thread that runs a client or workload of it',
    [],
    {
      types: ['generated.ts', 'module-client.ts', 'part-source.ts'].map(
        (name) => `harness/workloads/${name}`,
      ),
      libraries: ['<computed>'],
    },
  ),
];
