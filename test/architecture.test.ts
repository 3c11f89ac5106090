/**
 * The architecture: the imports that each module may have, and other rules that keep the project easy to navigate. The
 * table below defines the rules; ARCHITECTURE.md explains them. `architecture/rules.test.ts` shows that each rule can
 * fail.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CANARY_ROOMS } from './architecture/canary-rooms.ts';
import { CLIENT_ENTRIES, CLIENT_ROOMS } from './architecture/client-rooms.ts';
import { commandRooms } from './architecture/command-rooms.ts';
import { importCycles } from './architecture/cycles.ts';
import { DEPENDENCIES, REFERENCE_DEPENDENCIES } from './architecture/dependencies.ts';
import { EXTENSION_ROOMS } from './architecture/extension-rooms.ts';
import { historyRooms } from './architecture/history-rooms.ts';
import * as rules from './architecture/rules.ts';
import { room } from './architecture/rules.ts';
import { ACTING, WORKLOAD_ROOMS } from './architecture/workload-rooms.ts';

/** Type modules without side effects that checkers, gates and reports use. */
const RECORDED = [
  'harness/history/events.ts',
  'harness/checkers/checker.ts',
  'harness/evidence/manifest.ts',
  'harness/gates/gate.ts',
];

/** The pure files of `infra/`: configuration and a plan in, texts and findings out. */
const PURE_INFRA = [
  'infra/topology.ts',
  'infra/redis/conf/',
  'infra/redis/cluster-slots.ts',
  'infra/redis/info.ts',
  'infra/redis/role-state.ts',
  ...['capabilities', 'probe', 'version'].map((name) => `infra/redis/server-${name}.ts`),
  'infra/substrates/config-differences.ts',
  'infra/recovery/',
  'infra/observability/',
];

/** Everything in `infra/` that a substrate may import. The other substrates are not included. */
const SUBSTRATE_BASE = [
  ...['topology.ts', 'host/', 'redis/', 'certificates/', 'recovery/', 'operations/', 'observability/'].map(
    (name) => `infra/${name}`,
  ),
  ...['substrate', 'environment', 'doctor', 'config-differences', 'watchdog-files'].map(
    (name) => `infra/substrates/${name}.ts`,
  ),
];

/** The pure files of `harness/evidence/`: the shapes and bounds of recorded data, and the related texts. */
const PURE_EVIDENCE = ['shape', 'limits', 'excerpt', 'history-shape', 'former-schema'].map(
  (name) => `harness/evidence/${name}.ts`,
);

const ROOMS: readonly rules.Room[] = [
  room('config/', 'the bottom of the architecture: parses once, freezes', [], { libraries: ['zod', 'yaml'] }),

  // Infrastructure: pure plans and texts, with thin shells over them.
  ...PURE_INFRA.map((at) => room(at, 'pure', ['config/', ...PURE_INFRA], { node: [], libraries: ['yaml'] })),
  room('infra/redis/conf/acl.ts', 'pure, except for the HMAC of a password', ['config/', ...PURE_INFRA], {
    node: ['node:crypto'],
  }),
  room('infra/redis/cluster-nodes.ts', 'pure, except for the hash of ids', PURE_INFRA, {
    node: ['node:crypto'],
  }),
  room('infra/recovery/read.ts', 'reads data directories for the pure files in the same folder', [
    'config/',
    ...PURE_INFRA,
  ]),
  room('infra/host/', 'processes and files of this machine; knows no Redis', ['config/']),
  room(
    'infra/host/process.ts',
    'every external program is run here, so that its output is captured',
    ['config/'],
    { libraries: ['zx'] },
  ),
  room('infra/certificates/', 'certificates of an environment', ['infra/host/', 'config/'], {
    types: ['infra/substrates/doctor.ts'],
  }),
  room('infra/certificates/generate.ts', 'the only module that creates certificates', ['config/'], {
    libraries: ['@peculiar/x509', 'reflect-metadata'],
  }),
  room(
    'infra/redis/',
    'the protocol and the files of Redis; knows no substrate',
    ['infra/host/', 'infra/topology.ts', 'config/'],
    { libraries: ['ioredis'] },
  ),
  room(
    'infra/operations/',
    'acts on a running environment on any substrate',
    ['infra/host/', 'infra/redis/', 'infra/topology.ts', 'infra/substrates/environment.ts', 'config/'],
    { libraries: ['ioredis'] },
  ),
  room(
    'infra/backup/',
    'acts on a running environment on any substrate',
    ['host/', 'redis/', 'recovery/rdb.ts', 'topology.ts', 'substrates/environment.ts']
      .map((name) => `infra/${name}`)
      .concat('config/'),
    { libraries: ['ioredis'] },
  ),
  room('infra/substrates/', 'the contracts of substrates; names none', ['infra/', 'config/'], {
    libraries: ['ioredis'],
  }),
  ...['local', 'external', 'docker'].map((name) =>
    room(`infra/substrates/${name}/`, 'one substrate; knows no other', [...SUBSTRATE_BASE, 'config/'], {
      libraries: ['ioredis', ...(name === 'docker' ? ['zx'] : [])],
    }),
  ),
  ...['app.ts', 'synthesis.ts', 'stack.ts', 'constructs/'].map((name) =>
    room(
      `infra/substrates/docker/${name}`,
      'what cdktf synthesises; it is imported nowhere else',
      [...SUBSTRATE_BASE, 'infra/substrates/docker/', 'config/'],
      { libraries: ['cdktf', 'constructs', '@cdktf/provider-docker'] },
    ),
  ),

  ...CLIENT_ROOMS,
  ...CANARY_ROOMS,

  // The harness modules that act; they come before the evidence in the data flow.
  room('harness/history/clock.ts', 'one monotonic clock', []),
  room('harness/wait.ts', 'bounded waiting', ['infra/host/wait.ts', 'config/errors.ts']),
  room('harness/history/recorder.ts', 'a passive sink that streams to disk', [
    'harness/history/events.ts',
    'config/',
  ]),
  room(
    'harness/samplers/',
    'look at an Environment, write to the recorder',
    [...ACTING, 'infra/redis/conf/directive-values.ts'],
    { libraries: ['ioredis'] },
  ),
  room('harness/faults/', 'act on an Environment on any substrate', ['infra/operations/', ...ACTING], {
    types: ['harness/drills/drill.ts'],
    libraries: ['ioredis'],
  }),
  ...WORKLOAD_ROOMS,
  room('harness/run/planted-client.ts', 'an entry point for tests: the command must not import it', [], {
    node: [],
  }),
  room('harness/drills/', 'data only; a seed gives a storm', ['harness/workloads/random.ts'], {
    types: ['infra/substrates/environment.ts'],
    node: [],
  }),
  room('harness/trial/', 'runs one drill once', ['harness/', 'infra/', 'config/', ...CLIENT_ENTRIES], {
    libraries: ['ioredis'],
  }),

  // Recorded data, between the modules that act and the modules that judge.
  ...historyRooms(PURE_EVIDENCE),
  ...PURE_EVIDENCE.map((at) =>
    room(at, 'pure: the required shape of recorded data', PURE_EVIDENCE, {
      types: ['harness/history/events.ts', 'harness/evidence/manifest.ts'],
      node: [],
    }),
  ),
  room(
    'harness/evidence/',
    'the run folder; knows no drill, checker or gate',
    ['harness/history/events.ts', 'config/errors.ts', 'config/substrate-names.ts'],
    {
      types: RECORDED,
    },
  ),

  // The modules that come after the evidence in the data flow: pure functions of recorded data.
  room('harness/statistics/', 'pure arithmetic', [], { node: [] }),
  room(
    'harness/checkers/',
    'pure: history in, validity and figures out',
    ['harness/history/events.ts', 'harness/statistics/', 'harness/evidence/excerpt.ts'],
    {
      types: ['config/', 'infra/topology.ts'],
      node: [],
    },
  ),
  room(
    'harness/checkers/nodes/',
    'pure: compares what nodes report with what was rendered for them',
    [
      ...[
        'harness/history/events.ts',
        'harness/checkers/',
        'infra/redis/conf/directive-values.ts',
        'infra/redis/cluster-nodes.ts',
      ],
      'infra/topology.ts',
    ],
    { types: ['config/', 'infra/'], node: [] },
  ),
  room(
    'harness/gates/',
    'pure: results in, states and verdict out',
    ['harness/statistics/', 'config/errors.ts', 'config/waiver-days.ts', 'harness/evidence/excerpt.ts'],
    {
      types: [...RECORDED, 'harness/evidence/', 'config/'],
      node: [],
    },
  ),
  room(
    'harness/assembly/',
    'pure: histories and results in, the parts of a Report out',
    ['harness/history/events.ts', 'harness/statistics/', 'harness/checkers/', 'harness/evidence/excerpt.ts'],
    { types: [...RECORDED, 'harness/reports/report.ts', 'harness/drills/drill.ts'], node: [] },
  ),
  room('harness/reports/', 'pure: one Report in, one text out', ['harness/evidence/canonical-json.ts'], {
    types: [...RECORDED, 'canary/report/rollout-view.ts'],
    libraries: ['d3-scale', 'd3-shape'],
    node: [],
  }),
  room('harness/judge/', 'reads a run folder and judges it; touches no environment', [
    'config/',
    ...[
      'history/events.ts',
      'history/parse.ts',
      ...['evidence/', 'statistics/', 'checkers/', 'gates/', 'reports/', 'drills/', 'assembly/'],
    ].map((name) => `harness/${name}`),
    'harness/extension/extension.ts',
  ]),
  room('harness/judge/thread/', 'judges in a thread, which loads the extension modules again', [
    'config/',
    ...['judge/', 'reports/index.ts', 'extension/load.ts', 'extension/extension.ts'].map(
      (name) => `harness/${name}`,
    ),
  ]),

  // The composition root, and the command that calls it.
  ...EXTENSION_ROOMS,
  room('harness/run/', 'the composition root', ['harness/', 'infra/', 'config/']),
  room('harness/registry.ts', 'the composition root', ['harness/', 'infra/', 'config/']),
  room('harness/health.ts', 'health in words', ['harness/trial/health.ts', 'infra/', 'config/']),
  ...commandRooms(PURE_INFRA, RECORDED),

  ...['bench/peers/load.ts', 'harness/workloads/stock/packages.ts'].map((at) =>
    room(at, 'loads stock clients by name: the kit does not depend on them', [], {
      libraries: ['<computed>'],
    }),
  ),
  room('tools/client-entry/', 'completes the build of the client', []),
  room('tools/package-build/', 'builds the installable package', []),
  room('tools/settings/', 'writes docs/settings.md from the schemas', ['config/'], { libraries: ['zod'] }),
  room('examples/', 'user programs: only the public client', CLIENT_ENTRIES),
  room(
    'bench/',
    'comparisons, run manually',
    [
      'infra/',
      'config/',
      'canary/',
      'scripts/cache/',
      'harness/statistics/',
      'test/support/monitor.ts',
      'harness/workloads/',
      ...CLIENT_ENTRIES,
    ],
    {
      types: ['reports/report.ts', 'judge/pool/index.ts', 'judge/compare/index.ts'].map(
        (name) => `harness/${name}`,
      ),
      libraries: ['ioredis', 'redis', '@valkey/valkey-glide'],
    },
  ),
  room(
    'bench/history/',
    'repeats a recorded run and judges it in a process',
    ['harness/evidence/run-folder.ts'],
    { types: ['harness/evidence/manifest.ts', 'harness/history/events.ts'] },
  ),
  room('tools/lint-truth/', 'the lint compared with real servers, run manually', ['infra/']),
  room('test/', 'tests may import anything', ['*']),
  room(
    '.ci/',
    'the pipeline',
    ['config/gates.ts', 'config/schema.ts', 'harness/registry.ts', 'infra/substrates/docker/plugin.ts'],
    {
      types: ['harness/reports/report.ts'],
    },
  ),
  room('vitest.config.ts', 'tool configuration', ['test/support/long-first.ts', 'test/support/suites.ts'], {
    libraries: ['vitest'],
  }),
];

/**
 * The entries on the design card, then all other entries. For the other entries, docs/decisions/001-top-level.md gives
 * the reasons.
 */
const TOP_LEVEL = [
  ...['infra', 'config', 'harness', 'scripts', 'test'],
  ...['redis-production.conf', 'sentinel.conf', 'cdktf.json'],
  ...['package.json', 'tsconfig.json', 'README.md'],
  ...['client', 'canary', 'bench', 'examples', 'docs', 'tools'],
  ...['package-lock.json', 'biome.json', 'vitest.config.ts', '.gitignore', '.npmrc', '.ci', '.github'],
  ...['LICENSE', 'CHANGELOG.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'],
];

const TOP = fileURLToPath(new URL('..', import.meta.url));
const TEXT = /\.(?:ts|md|ya?ml|json|conf|sh)$|(?:^|\/)(?:\.npmrc|\.gitignore|run|LICENSE)$/;
const ignored = read('.gitignore')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.replace(/\/$/, ''));
const entries = readdirSync(TOP).filter((name) => name !== '.git' && !isIgnored(name));
const files: readonly rules.SourceFile[] = entries
  .flatMap((name) => walk(name))
  .filter((path) => TEXT.test(path))
  .map((path) => ({ path, text: read(path) }));

it('every folder imports only what the table allows', () => {
  expect(rules.brokenImports(ROOMS, files)).toEqual([]);
});

it('no file takes part in an import cycle, type imports included', () => {
  expect(importCycles('', files)).toEqual([]);
});

it('only two files read environment variables', () => {
  expect(rules.undeclaredVariableReads(['config/env.ts', 'client/env.ts'], files)).toEqual([]);
});

it('files have at most 400 lines, functions at most 60', () => {
  expect(rules.overlongCode(files, { file: 400, function: 60 })).toEqual([]);
});

it('every file name describes its content', () => {
  expect(rules.emptyNames(files)).toEqual([]);
});

it('no test is skipped, no check is silenced and no work is left unfinished', () => {
  expect(rules.unfinishedCode(files)).toEqual([]);
});

it('no function returns a pending call to a resource that it disposes of', () => {
  expect(rules.unawaitedReturns(files)).toEqual([]);
});

it('the top level contains only the entries on the approved list', () => {
  expect(rules.unlistedEntries(TOP_LEVEL, entries)).toEqual([]);
});

it('the type check excludes every folder that commands write to', () => {
  const { exclude } = JSON.parse(read('tsconfig.json')) as { readonly exclude: readonly string[] };
  const written = ignored.filter((name) => !/[*]|^\.env$/.test(name));
  expect(written.filter((name) => !exclude.includes(name))).toEqual([]);
});

it('every dependency is on the approved list, pinned to one version', () => {
  const decided: readonly [string, Readonly<Record<string, string>>][] = [
    ['package.json', DEPENDENCIES],
    ['tools/api-reference/package.json', REFERENCE_DEPENDENCIES],
  ];
  for (const [path, dependencies] of decided)
    expect(rules.unlistedDependencies(dependencies, JSON.parse(read(path)))).toEqual([]);
});

it('the client depends only on ioredis, in any 6.x version', () => {
  expect(JSON.parse(read('client/package.json')).dependencies).toEqual({ ioredis: '^6' });
});

it('no file names a registry, and the lock file records no download address', () => {
  expect(rules.registryHosts(files)).toEqual([]);
  expect(read('package-lock.json').match(/"resolved": *"(?!file:)[^"]*:\/\//g)).toBeNull();
});

function read(path: string): string {
  return readFileSync(`${TOP}/${path}`, 'utf8');
}

function walk(path: string): string[] {
  if (statSync(`${TOP}/${path}`).isFile()) return [path];
  return readdirSync(`${TOP}/${path}`)
    .filter((name) => !isIgnored(name))
    .flatMap((name) => walk(`${path}/${name}`));
}

/** The .gitignore patterns that this project uses: a name, or `*.ending`. */
function isIgnored(name: string): boolean {
  return ignored.some((pattern) =>
    pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern,
  );
}
