/**
 * The house: which room may import what, and what else keeps it one that a stranger finds their way in.
 * The table below is the rule; ARCHITECTURE.md explains it. `house/rules.test.ts` shows that each rule can fail.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import * as rules from './house/rules.ts';

/** What every checker, gate and report is about: data and types, no effects. */
const RECORDED = [
  'harness/history.ts',
  'harness/checkers/checker.ts',
  'harness/evidence/manifest.ts',
  'harness/gates/gate.ts',
];
const PURE_PLAN = {
  imports: ['config/', 'infra/topology.ts'],
  node: [],
  because: 'pure: a plan or a text out of configuration',
};

const ROOMS: readonly rules.Room[] = [
  // Configuration: parses once, freezes.
  { at: 'config/', imports: [], libraries: ['zod', 'yaml'], node: 'any', because: 'the bottom of the house' },

  // Infrastructure: pure plans and texts first, thin shells after them.
  { at: 'infra/topology.ts', ...PURE_PLAN },
  { at: 'infra/redis-conf.ts', ...PURE_PLAN, types: ['infra/'] },
  { at: 'infra/sentinel-conf.ts', ...PURE_PLAN, types: ['infra/'] },
  { at: 'infra/acl.ts', ...PURE_PLAN, node: ['node:crypto'] },
  { at: 'infra/conf-lint.ts', ...PURE_PLAN },
  {
    at: 'infra/process.ts',
    imports: ['config/'],
    libraries: ['zx'],
    node: 'any',
    because: 'every outside program goes through here, so that its output is kept',
  },
  {
    at: 'infra/tls.ts',
    imports: ['config/'],
    libraries: ['@peculiar/x509', 'reflect-metadata'],
    node: 'any',
    because: 'the only maker of certificates',
  },
  {
    at: 'infra/',
    imports: ['config/'],
    libraries: ['ioredis'],
    node: 'any',
    because: 'thin shells over the plans; no substrate by name',
  },
  {
    at: 'infra/local/',
    imports: ['infra/', 'config/'],
    libraries: ['ioredis'],
    node: 'any',
    because: 'one substrate; knows no other',
  },

  // The client ships by itself.
  { at: 'client/', imports: [], libraries: ['ioredis'], node: 'any', because: 'an npm package of its own' },

  // The harness, left of the evidence: things act.
  {
    at: 'harness/history.ts',
    imports: [],
    types: ['config/'],
    node: [],
    because: 'types and parsing of what was recorded',
  },
  { at: 'harness/clock.ts', imports: [], node: 'any', because: 'one monotonic clock' },
  {
    at: 'harness/recorder.ts',
    imports: ['harness/history.ts', 'config/'],
    node: 'any',
    because: 'a passive sink that streams to disk',
  },
  {
    at: 'harness/samplers/',
    imports: [
      'infra/environment.ts',
      'infra/topology.ts',
      'harness/history.ts',
      'harness/recorder.ts',
      'harness/clock.ts',
      'config/',
    ],
    libraries: ['ioredis'],
    node: 'any',
    because: 'look at an Environment, write to the recorder',
  },
  {
    at: 'harness/faults/',
    imports: ['infra/environment.ts', 'infra/switchover.ts', 'config/errors.ts'],
    types: ['infra/', 'harness/drills/drill.ts'],
    libraries: ['ioredis'],
    node: 'any',
    because: 'act on an Environment, whatever carries it',
  },
  {
    at: 'harness/workloads/',
    imports: [
      'client/index.ts',
      'infra/environment.ts',
      'harness/history.ts',
      'harness/recorder.ts',
      'harness/clock.ts',
      'harness/statistics/',
      'config/',
    ],
    types: ['infra/', 'harness/drills/drill.ts'],
    libraries: ['ioredis'],
    node: 'any',
    because: 'users of a cache: the public client, and the stock one beside it',
  },
  { at: 'harness/drills/', imports: [], types: ['infra/environment.ts'], node: [], because: 'data only' },
  {
    at: 'harness/trial.ts',
    imports: ['harness/', 'infra/', 'config/'],
    node: 'any',
    because: 'runs one drill once',
  },

  // Right of the evidence: pure functions of recorded data.
  { at: 'harness/statistics/', imports: [], node: [], because: 'pure arithmetic' },
  {
    at: 'harness/checkers/',
    imports: ['harness/history.ts', 'harness/statistics/'],
    types: ['config/', 'infra/topology.ts'],
    node: [],
    because: 'pure: history in, validity and figures out',
  },
  {
    at: 'harness/evidence/',
    imports: ['harness/history.ts', 'config/errors.ts'],
    types: RECORDED,
    node: 'any',
    because: 'the run folder; knows no drill, checker or gate',
  },
  {
    at: 'harness/gates/',
    imports: ['harness/statistics/', 'config/errors.ts'],
    types: [...RECORDED, 'config/'],
    node: [],
    because: 'pure: results in, states and verdict out',
  },
  {
    at: 'harness/reports/',
    imports: [],
    types: RECORDED,
    libraries: ['d3-scale', 'd3-shape'],
    node: [],
    because: 'pure: one Report in, one text out',
  },
  {
    at: 'harness/judge.ts',
    imports: ['harness/', 'config/'],
    node: 'any',
    because: 'reads a run folder and judges it; touches no environment',
  },
  {
    at: 'harness/run.ts',
    imports: ['harness/', 'infra/', 'config/'],
    node: 'any',
    because: 'the composition root',
  },
  {
    at: 'harness/registry.ts',
    imports: ['harness/', 'infra/', 'config/'],
    node: 'any',
    because: 'the composition root',
  },

  {
    at: 'scripts/',
    imports: [
      'config/',
      'infra/',
      'harness/run.ts',
      'harness/registry.ts',
      'harness/judge.ts',
      'harness/drills/',
      'harness/reports/',
    ],
    types: RECORDED,
    libraries: ['commander'],
    node: 'any',
    because: 'the kit command: parse, call, exit',
  },
  { at: 'test/', imports: ['*'], node: 'any', because: 'tests may look anywhere' },
  { at: 'vitest.config.ts', imports: ['*'], node: 'any', because: 'tool configuration' },
];

/** Every dependency with what it is for; the page in docs/decisions/ says why this one. */
const DEPENDENCIES: Readonly<Record<string, string>> = {
  '@peculiar/x509': 'certificates of an environment',
  commander: 'the kit command line',
  'd3-scale': 'axes of the HTML report',
  'd3-shape': 'lines of the HTML report',
  ioredis: 'the Redis client under ours, and the stock one beside it',
  'reflect-metadata': 'required by @peculiar/x509 at its import',
  yaml: 'environments and gates',
  zod: 'schemas of configuration',
  zx: 'outside programs',
  '@biomejs/biome': 'lint and format',
  '@types/d3-scale': 'types',
  '@types/d3-shape': 'types',
  '@types/node': 'types',
  '@vitest/coverage-v8': 'coverage',
  'fast-check': 'properties of statistics and parsers',
  node: 'the Node that runs the kit, whatever the system has',
  typescript: 'type check, and the build of the client',
  vitest: 'tests',
};

/** The design card's list, then what stands beside it and why: docs/decisions/001-top-level.md. */
const TOP_LEVEL = [
  ...[
    'infra',
    'config',
    'harness',
    'scripts',
    'test',
    'redis-production.conf',
    'sentinel.conf',
    'cdktf.json',
  ],
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

it('every room imports only what the table allows it', () => {
  expect(rules.brokenImports(ROOMS, files)).toEqual([]);
});

it('variables of the process are read in two places', () => {
  expect(rules.strayVariables(['config/env.ts', 'client/env.ts'], files)).toEqual([]);
});

it('files have at most 400 lines, functions 60', () => {
  expect(rules.tooLong(files, { file: 400, function: 60 })).toEqual([]);
});

it('every file is named for what is in it', () => {
  expect(rules.emptyNames(files)).toEqual([]);
});

it('nothing is left open, skipped or silenced', () => {
  expect(rules.openEnds(files)).toEqual([]);
});

it('the top level is the decided one', () => {
  expect(rules.strayEntries(TOP_LEVEL, entries)).toEqual([]);
});

it('dependencies are the decided ones, each at one version', () => {
  expect(rules.strayDependencies(DEPENDENCIES, JSON.parse(read('package.json')))).toEqual([]);
  expect(rules.strayDependencies({ ioredis: 'the one' }, JSON.parse(read('client/package.json')))).toEqual(
    [],
  );
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

/** The patterns of .gitignore that this project uses: a name, or `*.ending`. */
function isIgnored(name: string): boolean {
  return ignored.some((pattern) =>
    pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern,
  );
}
