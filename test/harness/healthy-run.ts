/**
 * A complete hand-written run folder: every drill of `readiness` has the smallest history with which every gate passes.
 * Tests remove or change a part, and check how this affects the GO.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Gates, loadGates } from '../../config/gates.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import { currentSubstrateName } from '../../config/substrate-names.ts';
import { configuration } from '../../harness/drills/configuration.ts';
import type { Drill, Target } from '../../harness/drills/drill.ts';
import { drills } from '../../harness/drills/index.ts';
import type { Manifest, TrialRecord } from '../../harness/evidence/manifest.ts';
import { createRunFolder, type RunFolder } from '../../harness/evidence/run-folder.ts';
import type { HistoryEvent } from '../../harness/history/events.ts';
import { requiredExpectations } from '../../harness/judge/obligations.ts';
import { CAPACITY } from './capacity-histories.ts';
import {
  closingPhase,
  buildEnvironment as defaultEnvironment,
  type Events,
  fault,
  finalRead,
  flattenEvents,
  formatJsonl,
  infoSample,
  machineSamples,
  masterSwitch,
  observation,
  op,
  writes,
} from './checkers/history-builders.ts';
import { healthyNodes, type Planted, sharedNode } from './checkers/nodes/node-builders.ts';
import { answer, cutOff, failover, lateness, refused, struck } from './client-histories.ts';

/** Read only once, because a test file writes up to a thousand runs. */
const shippedGates = loadGates();

export interface RunOptions {
  readonly environment?: EnvironmentConfig;
  readonly gates?: Gates;
  readonly manifest?: Partial<Manifest>;
  readonly drills?: readonly Drill[];
  /** Events to add to a drill's `events.jsonl` or to a client's file. */
  readonly extra?: Readonly<Record<string, Events>>;
  /** Events that replace a client's file in a drill. */
  readonly instead?: Readonly<Record<string, Events>>;
  /** Functions that change each event of a file, or remove it by returning undefined. */
  readonly change?: Readonly<Record<string, (event: HistoryEvent) => HistoryEvent | undefined>>;
  /** Node facts that replace those of a healthy environment. */
  readonly planted?: readonly Planted[];
  readonly coverage?: string;
  /** Commit in the stamp of the coverage summary; default: the commit of the run. */
  readonly coverageCommit?: string;
  readonly trials?: number;
}

const memory = [
  observation(
    'info',
    'buffers',
    0,
    { 'repl-backlog-size': '16777216', 'client-output-buffer-limit': 'slave 0 0 0' },
    { node: 'redis-1' },
  ),
  ...Array.from({ length: 30 }, (_, i) =>
    infoSample('redis-1', i * 1000, {
      ...{ usedMemory: 10, maxmemory: 100, evictedKeys: 0, role: 'replica' },
      masterReplOffset: i * 100_000,
    }),
  ),
];
function struckEvents(drill: Drill): Events {
  const inFlight = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x:${i}`, '1']));
  const counted = { ...inFlight, 'i:3': '1', 'a:3': ',3' };
  return [
    failoverEvents(drill, { counted, changes: [] }),
    infoSample('redis-1', 7000, { usedMemory: 10, maxmemory: 100, evictedKeys: 0, role: 'replica' }),
  ];
}

/** Nodes for each target of a fault, with `redis-1` as the master. */
const NODES: Readonly<Partial<Record<Target, readonly string[]>>> = {
  'sentinel-1': ['sentinel-1'],
  'sentinel-2': ['sentinel-2'],
  watchdog: ['watchdog'],
  replica: ['redis-2'],
  'all-replicas': ['redis-2', 'redis-3'],
};

const MOVED = observation('client', 'moved', 2160, { learnedFrom: 'role' }, { client: 'kit' });

const RETURNED = observation(
  'drill',
  'returned',
  2650,
  { role: 'slave', writable: false },
  { node: 'redis-1' },
);

/** Events of drills that record more than the events of a failover. */
const OUTCOMES: Readonly<
  Record<string, { readonly healMs?: number; readonly changes?: Events; readonly more?: Events }>
> = {
  ...Object.fromEntries(
    ['sentinel-loss', 'sentinel-hang', 'host-loss', 'watchdog-loss', 'watchdog-hang'].map((id) => [
      id,
      { more: MOVED },
    ]),
  ),
  'replica-crash': { changes: [], more: masterSample(500) },
  'all-replicas-lost': { healMs: 8000, changes: [], more: masterSample(500) },
  'cut-connections': { healMs: 2005, changes: [] },
  storm: { healMs: 2005 },
  'no-quorum': { changes: masterSwitch(2800), more: masterSample(2300, 'replica') },
  'old-master-returns': { more: RETURNED },
  'double-failover': {
    changes: [
      masterSwitch(2150),
      observation('sentinel', '+switch-master', 2160, { message: 'again' }, { node: 'sentinel-2' }),
    ],
  },
  'partition-master': { more: [MOVED, RETURNED] },
  'partition-minority': { more: [MOVED, RETURNED] },
  'partition-client': { healMs: 8000, changes: [], more: masterSample(500) },
};

function masterSample(atMs: number, role = 'master'): HistoryEvent {
  return infoSample('redis-4', atMs, { usedMemory: 10, maxmemory: 100, evictedKeys: 0, role });
}

/** The first fault takes effect for 200 ms; later faults have no effect. */
function failoverEvents(
  drill: Drill,
  more: { readonly counted?: Record<string, string | null>; readonly changes?: Events } = {},
): Events {
  const all = [writes(0, 2000, 10), writes(2200, 6000, 10)].flat();
  const { healMs = 2600, changes = masterSwitch(2150), more: own = [] } = OUTCOMES[drill.id] ?? {};
  const stepMs = drill.trials.quick === 0 ? 10 : 2000;
  const faults = drill.faults.flatMap(({ fault: name, target }, i) =>
    (NODES[target] ?? ['redis-1']).map((node) => fault(2000 + i * stepMs, healMs + i * stepMs, node, name)),
  );
  const counted = { 'f:1': 'f', 'i:1': '1', 'a:1': ',1', 'i:2': '1', 'a:2': ',2', ...more.counted };
  return [
    faults,
    more.changes ?? changes,
    own,
    memory,
    finalRead(all, counted),
    finalRead(all, counted, 'redis-1', 'replica'),
  ];
}

const STEADY_STATE_EVENTS: Events = [
  observation('workload', 'window', 0, { startUs: 0, endUs: 10_000_000 }, { client: 'kit' }),
  Array.from({ length: 100 }, (_, i) => op({ at: 0, done: 1, key: `s:${i}`, value: 'x', phase: 'fill' })),
  Array.from({ length: 2000 }, (_, i) =>
    op({ at: i, done: i + 1, kind: 'get', key: `s:${i % 100}`, answer: 'x' }),
  ),
  writes(0, 2000, 10),
  answer(500, 'loader', 'steady'),
  lateness('kit'),
];

const KEYS = Array.from({ length: 100 }, (_, i) => `m:${i}`);
const VALUES = KEYS.map((key) => `v-${key}`);
const batch = { key: 'm:0', batch: 100, keys: KEYS };

const batches: Events = [
  observation('workload', 'window', 0, { startUs: 0, endUs: 10_000_000 }, { client: 'kit' }),
  Array.from({ length: 40 }, (_, i) => [
    op({ ...batch, at: i * 10 + 5, done: i * 10 + 8, kind: 'getMany', answer: '100', answers: VALUES }),
    op({ ...batch, at: i * 10, done: i * 10 + 3, kind: 'setMany', values: VALUES }),
  ]),
  lateness('kit'),
];

const queries = (n: number, catalogue: number, base: number, phase: string): Events =>
  Array.from({ length: n }, (_, i) => {
    const cold = phase === 'uncached' || i < catalogue;
    return answer(base + i * 200, cold ? 'loader' : 'redis', phase, `k:${i % catalogue}`, cold ? 150 : 1);
  });

/** The trial reads the expiry times of the keys before it removes them. */
const EXPIRIES = observation('workload', 'expiries', 9500, { keys: 10, without: 0 }, { client: 'kit' });

const LOADS: Readonly<Record<string, Events>> = {
  steady: STEADY_STATE_EVENTS,
  batches,
  'realistic-50': [queries(50, 10, 0, 'uncached'), queries(50, 10, 20_000, 'cached'), lateness('kit')],
  'zipf-100': [queries(100, 5, 0, 'cached'), lateness('kit')],
};

const passedExpectation = (id: string) =>
  ({ type: 'expect', id, what: 'it works', relation: 'equals', expected: 1, actual: 1, atUs: 5 }) as const;

const substrateOf = (manifest: RunOptions['manifest']): string =>
  currentSubstrateName(manifest?.substrate ?? MANIFEST.substrate);

function filesOf(
  drill: Drill,
  { environment, planted, manifest }: RunOptions,
): Readonly<Record<string, Events>> {
  // Drills recorded by an older version have the previous name of this field.
  const { external = (drill as { attached?: Drill['external'] }).attached } = drill;
  const steps = requiredExpectations(
    { ...drill, ...(external !== undefined && { external }) },
    {
      environment: environment ?? defaultEnvironment(),
      substrate: substrateOf(manifest),
    },
  ).map(passedExpectation);
  if (drill.spansRun === true) {
    const facts = substrateOf(manifest) === 'external' ? sharedNode() : healthyNodes(environment, planted);
    return { events: [facts, steps] };
  }
  if (['short-stall', 'replies-lost'].includes(drill.id)) {
    const both = (client: string) => [failover(client), struck(client)];
    return { events: struckEvents(drill), kit: both('kit'), ioredis: both('ioredis') };
  }
  if (drill.faults.some(({ lag }) => lag !== undefined)) {
    // Writes in the period during which replicas lagged: one async write is lost, but no durable write is.
    const lost = op({ at: 1990, done: 1991, key: 'l:1', value: 'l' });
    const kept = op({ at: 2200, done: 2201, key: 'l:2', value: 'l' });
    const events = [
      failoverEvents(drill, { counted: { 'l:1': null, 'l:2': 'l' } }),
      observation('drill', 'lag', 1500, { phase: 'on', latencyMs: 250 }),
      observation('drill', 'lag', 2000, { phase: 'off' }),
    ];
    return { events, kit: [failover('kit'), lost, kept], ioredis: failover('ioredis') };
  }
  if (drill.id === 'all-replicas-lost') {
    return { events: failoverEvents(drill), kit: refused('kit'), ioredis: refused('ioredis') };
  }
  if (drill.id === 'partition-client') {
    const connected = writes(2000, 8000, 10, { key: 'f:1', value: 'f', client: 'ioredis' });
    return { events: failoverEvents(drill), kit: cutOff(), ioredis: [failover('ioredis'), connected] };
  }
  if (drill.id === 'cut-connections') {
    const connected = writes(2000, 2200, 20, { key: 'f:1', value: 'f' });
    return { events: failoverEvents(drill), kit: [failover('kit'), connected], ioredis: failover('ioredis') };
  }
  if (drill.family === 'failover') {
    return { events: failoverEvents(drill), kit: failover('kit'), ioredis: failover('ioredis') };
  }
  if (drill.family === 'capacity') return { events: [CAPACITY[drill.id] ?? [], closingPhase()] };
  if (drill.family === 'load')
    return { events: [memory, EXPIRIES], kit: [LOADS[drill.id] ?? [], closingPhase()] };
  const written = writes(0, 1000, 10);
  const arms = { canaryRequests: 3_000, canaryFailures: 3, controlRequests: 9_000, controlFailures: 9 };
  const lags = Array.from({ length: 40 }, (_, i) =>
    observation('workload', 'replication-lag', i, { lagMs: 2 }, { node: 'redis-2' }),
  );
  return {
    events: [
      steps,
      closingPhase(),
      drill.id === 'replication' ? lags : [],
      drill.id === 'canary-rollback'
        ? observation('workload', 'canary-arms', 500, arms, { client: 'kit' })
        : [],
      finalRead(written),
      finalRead(written, {}, 'redis-3', 'replica'),
    ],
    kit: written,
  };
}

function record(folder: RunFolder, drill: Drill, trial: number, options: RunOptions): TrialRecord {
  const machine = drill.spansRun === true ? {} : { machine: machineSamples(30_000) };
  const files = Object.entries({ ...filesOf(drill, options), ...machine }).map(([name, events]) => {
    const path = `trials/${drill.id}-${trial}/${name}.jsonl`;
    mkdirSync(dirname(join(folder.dir, path)), { recursive: true });
    const key = `${drill.id}/${name}`;
    // Real trials differ in every key and time, so no two trials have the same content.
    const own = observation('drill', 'trial', 0, { drill: drill.id, trial });
    const change = options.change?.[key] ?? ((event: HistoryEvent) => event);
    const written = flattenEvents(options.instead?.[key] ?? events).flatMap((event) => change(event) ?? []);
    writeFileSync(join(folder.dir, path), formatJsonl(own, written, options.extra?.[key] ?? []));
    return path;
  });
  return {
    drill: drill.id,
    trial,
    status: 'completed',
    seed: 1,
    clients: drill.clients,
    files,
    startedUs: 0,
    endedUs: 120_000_000,
  };
}

export const MANIFEST: Manifest = {
  schema: 'redis-cache-kit/run/2',
  runId: 'by-hand',
  kind: 'readiness',
  kitVersion: '0.1.0',
  commit: 'c0ffee00c0ffee00',
  startedAt: '2030-01-01T00:00:00.000Z',
  judgedAt: '2030-01-01T00:01:00.000Z',
  environment: 'dev',
  substrate: 'local',
  profile: 'quick',
  seed: 1,
  argv: ['kit', 'readiness'],
  configSha256: '0'.repeat(64),
  provenance: { 'redis-server': '7.0.15' },
  deviations: [],
  machine: { kernel: 'Linux', cpu: 'a', cores: 2, memoryBytes: 1 },
  trials: [],
};

/**
 * Adds the `configuration` drill. Every run reads the facts of the nodes, except a run of individual drills on an
 * external Redis.
 */
function withConfiguration(asked: readonly Drill[], { manifest }: RunOptions): readonly Drill[] {
  const isAsked = substrateOf(manifest) !== 'external' || (manifest?.kind ?? 'readiness') === 'readiness';
  return isAsked && !asked.includes(configuration) ? [configuration, ...asked] : asked;
}

/** Writes and seals the run. Returns its folder, which does not contain `report.json` yet. */
export function writeHealthyRun(dir: string, options: RunOptions = {}): RunFolder {
  const asked = withConfiguration(
    options.drills ??
      drills.filter(({ topologies, trials }) => topologies.includes('sentinel') && trials.quick > 0),
    options,
  );
  const folder = createRunFolder(dir, { ...MANIFEST, ...options.manifest });
  const configSha256 = folder.writeConfig(options.environment ?? defaultEnvironment());
  folder.writeGates(options.gates ?? shippedGates);
  folder.writeDrills(asked);
  if (options.coverage !== undefined) {
    writeFileSync(join(dir, 'coverage-summary.json'), options.coverage);
    folder.addInput('coverage', join(dir, 'coverage-summary.json'));
    const summarySha256 = createHash('sha256').update(options.coverage).digest('hex');
    const stamp = options.coverageCommit ?? JSON.stringify({ commit: MANIFEST.commit, summarySha256 });
    writeFileSync(join(dir, 'coverage-commit.json'), stamp);
    folder.addInput('coverageCommit', join(dir, 'coverage-commit.json'));
  }
  folder.sink({ command: 'redis-server', args: ['--version'], exitCode: 0, stdout: 'v=7.0.15', stderr: '' });
  mkdirSync(join(dir, 'logs'), { recursive: true });
  appendFileSync(join(dir, 'logs/redis-1.log'), 'Ready to accept connections\n');
  const trials = asked.flatMap((drill) =>
    Array.from({ length: options.trials ?? 1 }, (_, i) => record(folder, drill, i + 1, options)),
  );
  folder.seal({ ...MANIFEST, configSha256, trials, ...options.manifest });
  return folder;
}
