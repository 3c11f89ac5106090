/** Whole reports in their three outcomes, and the cases at the edge: nothing ran, everything hostile. */
import type { Criterion, CriterionState, Verdict } from '../../../harness/gates/gate.ts';
import type { ComparisonRow, Report, TrialView } from '../../../harness/reports/report.ts';
import { draws, failoverTrials, integrationTrials, loadTrials } from './example-trials.ts';

type Row = readonly [
  id: string,
  title: string,
  source: string,
  workload: string,
  sli: string,
  op: Criterion['target']['op'],
  target: number,
  unit: string,
  measured: number,
  n: number,
];

const ROWS: readonly Row[] = [
  ['get-latency', 'A get answers quickly', 'C4', 'steady', 'get p95 latency', '<', 5, 'ms', 0.482, 5000],
  ['set-latency', 'A set answers quickly', 'C4', 'steady', 'set p95 latency', '<', 10, 'ms', 0.611, 1400],
  [
    'batch-latency',
    'A batch of 100 answers quickly',
    'C4',
    'steady',
    'getMany p95 latency',
    '<',
    50,
    'ms',
    3.94,
    200,
  ],
  [
    'hit-ratio-frequent',
    'Frequently accessed data is found',
    'C4',
    'zipf-100',
    'hit ratio',
    '>',
    0.85,
    'ratio',
    0.95,
    95,
  ],
  ['hit-ratio-overall', 'Overall hit ratio', 'C4', 'realistic-50', 'hit ratio', '>', 0.5, 'ratio', 0.8, 50],
  [
    'latency-reduction',
    'The cache takes latency away',
    'C4',
    'realistic-50',
    'mean reduction',
    '>=',
    0.5,
    'ratio',
    0.996,
    50,
  ],
  [
    'availability',
    'Answers without a fault',
    'C4',
    'steady',
    'good over scheduled',
    '>=',
    0.999,
    'ratio',
    0.99994,
    7620,
  ],
  [
    'memory-used',
    'Memory below its limit',
    'C4',
    'steady',
    'used over maxmemory',
    '<',
    0.8,
    'ratio',
    0.034,
    11,
  ],
  [
    'crash-write-gap',
    'Writes come back after a crash',
    'C2',
    'master-crash',
    'write gap',
    '<',
    30_000,
    'ms',
    2412,
    1,
  ],
  [
    'crash-durable-lost',
    'No durable write is lost in a crash',
    'C2',
    'master-crash',
    'durable writes lost',
    '==',
    0,
    'writes',
    0,
    612,
  ],
  [
    'crash-async-lost',
    'Async loss stays in its window',
    'C2',
    'master-crash',
    'lost beyond the window',
    '==',
    0,
    'writes',
    0,
    1204,
  ],
  [
    'hang-write-gap',
    'Writes come back after a hang',
    'C2',
    'master-hang',
    'write gap',
    '<',
    30_000,
    'ms',
    2655,
    1,
  ],
  [
    'hang-stale-acks',
    'A hung master acknowledges nothing stale',
    'C2',
    'master-hang',
    'stale acknowledgements',
    '==',
    0,
    'writes',
    0,
    1184,
  ],
  ['switch-gap', 'A planned switch is short', 'C2', 'planned-switch', 'write gap', '<=', 300, 'ms', 264, 1],
  [
    'double-applies',
    'Nothing is applied twice',
    'C2',
    'master-hang',
    'double applies',
    '==',
    0,
    'operations',
    0,
    240,
  ],
  ['dead-clients', 'No client stays dead', 'C2', 'master-crash', 'dead clients', '==', 0, 'clients', 0, 1],
  [
    'integration-tests',
    'Integration drills hold',
    '004 §3 Integration tests',
    'integration',
    'expectations held',
    '==',
    1,
    'ratio',
    1,
    34,
  ],
  [
    'observability',
    'Metrics and structured logs',
    '004 §3 Observability',
    'observability',
    'expectations held',
    '==',
    1,
    'ratio',
    1,
    6,
  ],
  [
    'key-versioning',
    'Keys carry their version',
    '004 §3 Key Versioning',
    'key-versioning',
    'expectations held',
    '==',
    1,
    'ratio',
    1,
    4,
  ],
  ['security', 'ACL enforced', '004 §3 Security', 'security', 'expectations held', '==', 1, 'ratio', 1, 9],
  [
    'circuit-breaker',
    'The breaker trips and resets',
    '004 §4.7',
    'breaker',
    'expectations held',
    '==',
    1,
    'ratio',
    1,
    5,
  ],
  [
    'corrupt-payload',
    'Invalid payloads are purged',
    '004 §4.5',
    'corrupt-payload',
    'expectations held',
    '==',
    1,
    'ratio',
    1,
    4,
  ],
  [
    'replication-lag',
    'Replicas follow',
    'C1',
    'replication',
    'replication lag p95',
    '<=',
    1000,
    'ms',
    3.2,
    20,
  ],
  [
    'quorum',
    'A quorum that survives the loss of a sentinel',
    'A11',
    'configuration',
    'quorum',
    '<=',
    2,
    'sentinels',
    2,
    1,
  ],
];

const SHA = 'a3f5c07be1942d68';

function criterion(row: Row): Criterion {
  const [id, title, source, workload, sli, op, target, unit, measured, n] = row;
  return {
    id,
    title,
    source,
    state: 'PASS',
    because: `${n} of ${n} observed`,
    remedy: 'Nothing to do.',
    scope: {
      environments: ['dev', 'staging', 'production'],
      substrates: ['local', 'docker'],
      profiles: ['quick', 'full'],
      workload,
      sli,
    },
    target: { op, value: target },
    unit,
    measured,
    n,
    minN: 1,
    bound: null,
    evidence: ['events', 'kit'].map((writer, index) => ({
      path: `trials/${workload}-1/${writer}.jsonl`,
      sha256: (SHA + id.length.toString(16) + index).repeat(4).slice(0, 64).padEnd(64, '0'),
    })),
  };
}

function outOfScope(id: string, title: string, source: string): Criterion {
  return {
    ...criterion([id, title, source, 'canary', 'error delta', '<', 0.01, 'ratio', 0, 0]),
    state: 'OUT_OF_SCOPE',
    because: 'asked of environments with a canary only; this run is dev',
    measured: null,
    n: 0,
    evidence: [],
  };
}

export function judged(criteria: readonly Criterion[], verdict: Partial<Verdict> = {}): Verdict {
  const count = (state: CriterionState) => criteria.filter((each) => each.state === state).length;
  return {
    decision: 'GO',
    exitCode: 0,
    action: 'enable',
    advice: ['Set ENABLE_REDIS_CACHE=true.', 'Keep the circuit breaker on: threshold 5, open for 30 s.'],
    counts: {
      PASS: count('PASS'),
      FAIL: count('FAIL'),
      INSUFFICIENT: count('INSUFFICIENT'),
      INVALID: count('INVALID'),
      NOT_MEASURED: count('NOT_MEASURED'),
      WAIVED: count('WAIVED'),
      OUT_OF_SCOPE: count('OUT_OF_SCOPE'),
    },
    criteria,
    ...verdict,
  };
}

const PASSING: readonly Criterion[] = [
  ...ROWS.map(criterion),
  outOfScope('canary-delta', 'The canary does not raise errors', 'C4'),
  outOfScope('connections', 'Ten thousand connections', 'C3'),
  outOfScope('cluster-failover', 'A shard moves', 'E2'),
];

function altered(changes: Readonly<Record<string, Partial<Criterion>>>): readonly Criterion[] {
  return PASSING.map((each) => ({ ...each, ...changes[each.id] }));
}

const COMPARISON: readonly ComparisonRow[] = [
  ['master-crash', 'kit', 2412, 1816, 2, 0, 27, 0],
  ['master-crash', 'ioredis', 3640, 1523, 11, null, 512, 0],
  ['master-hang', 'kit', 2655, 1790, 0, 0, 31, 0],
  ['master-hang', 'ioredis', 7012, 2210, 1483, null, 902, 1],
  ['planned-switch', 'kit', 264, 2390, 0, 0, 0, 0],
  ['planned-switch', 'ioredis', 1204, 2255, 311, null, 118, 0],
].map((row) => {
  const [drill, client, gap, acknowledged, lost, durableLost, slow, dead] = row as [
    string,
    string,
    number,
    number,
    number,
    number | null,
    number,
    number,
  ];
  return {
    drill,
    client,
    trials: 1,
    writeGapMs: { min: gap, median: gap, max: gap },
    acknowledged,
    acknowledgedLost: lost,
    durableLost,
    longerThan1s: slow,
    deadClients: dead,
  };
});

const RUN: Report['run'] = {
  schema: 'redis-cache-kit/run/1',
  kind: 'readiness',
  runId: '2026-11-21T01-14-04Z-dev-local',
  kitVersion: '0.1.0',
  commit: 'aea878103f9c5d1b7e6a2c4d8f0b1e3a5c7d9f20',
  startedAt: '2026-11-21T01:14:04.123Z',
  judgedAt: '2026-11-21T01:15:21.904Z',
  environment: 'dev',
  substrate: 'local',
  profile: 'quick',
  seed: 42,
  argv: ['readiness', '--env', 'dev', '--seed', '42'],
  configSha256: '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
  provenance: { 'redis-server': '7.0.15', jemalloc: 'system', node: 'v24.21.0', openssl: '3.0.17' },
  departures: [
    'activedefrag yes is left out: this redis-server is built with the system jemalloc and would refuse to start',
    'io-threads 4 is capped to 2: the machine has 2 cores',
  ],
  machine: { kernel: 'Linux 6.1.0-37-amd64', cpu: 'AMD EPYC 7B13', cores: 2, memoryBytes: 8_349_155_328 },
};

export function goReport(): Report {
  const draw = draws(42);
  return {
    schema: 'redis-cache-kit/report/1',
    run: RUN,
    verdict: judged(PASSING),
    comparison: COMPARISON,
    trials: [...integrationTrials(), ...failoverTrials(draw, 1), ...loadTrials(draw)],
    benchmarks: [
      {
        title: 'Realistic benchmark, 50 queries over a catalogue of 10',
        rows: [
          { label: 'Hit ratio', value: '80.00 %' },
          { label: 'Average latency, cold', value: '156.60 ms' },
          { label: 'Average latency, hot', value: '0.57 ms' },
          { label: 'Latency reduction', value: '99.6 %' },
          { label: 'Total time without the cache', value: '7.57 s' },
          { label: 'Total time with the cache', value: '1.59 s' },
          { label: 'Throughput', value: '× 4.76 (79.0 % less time)' },
        ],
      },
      {
        title: 'Zipf, 100 queries over a catalogue of 5',
        rows: [
          { label: 'Hit ratio', value: '95.00 %' },
          { label: 'Average', value: '7.43 ms' },
          { label: 'p95 (order statistic, 95th of 100)', value: '111.44 ms' },
          { label: 'p99 (order statistic, 99th of 100)', value: '161.70 ms' },
        ],
      },
    ],
    integrity: { missing: [], altered: [] },
  };
}

/** A planted misconfiguration, several trials of each failover, and every state that there is. */
export function noGoReport(): Report {
  const draw = draws(7);
  const criteria = altered({
    quorum: {
      state: 'FAIL',
      measured: 3,
      because: 'a quorum of 3 of 3 sentinels: with one sentinel gone nobody can start a failover',
      remedy: 'Set topology.quorum to 2 in config/environments/dev.yaml.',
    },
    'crash-durable-lost': {
      state: 'FAIL',
      measured: 418,
      because:
        '418 of 2,204 durable writes that were acknowledged are on no node (first: w:kit:1093, w:kit:1094, w:kit:1095)',
      remedy:
        'Set redis.minReplicasToWrite to 1 and durability.durableWrites to { replicas: 1, timeoutMs: 1000 }.',
      bound: { kind: 'upper', value: 449, confidence: 0.95, method: 'clopper-pearson' },
    },
    'get-latency': {
      state: 'INVALID',
      because:
        'the generator was late by 61 ms at p99 (bound 5 ms): the machine was too busy to time anything',
      remedy: 'Run again on a machine with two idle cores.',
      measured: 9.72,
    },
    'switch-gap': {
      state: 'INSUFFICIENT',
      because: '3 trials without failure; 59 are needed to claim 95 % with 95 % confidence',
      remedy: 'kit readiness --profile full',
      n: 3,
      minN: 59,
      bound: { kind: 'lower', value: 0.3684, confidence: 0.95, method: 'clopper-pearson' },
    },
    observability: {
      state: 'NOT_MEASURED',
      measured: null,
      n: 0,
      because: 'the drill observability was not run',
      remedy: 'kit drill observability',
      evidence: [],
    },
    availability: {
      state: 'FAIL',
      measured: 0.9989996,
      because: '8 of 7,620 not answered',
      remedy: 'See the steady drill.',
    },
    'memory-used': {
      state: 'WAIVED',
      measured: 0.83,
      because: 'waived by ops@example.org until 2026-12-31: the bigger nodes come in December',
      remedy: 'Raise redis.maxmemory.',
    },
    'crash-write-gap': {
      n: 3,
      bound: { kind: 'upper', value: 2911, confidence: 0.95, method: 'order-statistic' },
    },
  });
  const broken: TrialView = {
    drill: 'observability',
    title: 'Metrics and structured logs',
    family: 'integration',
    safeOutcome: 'every counter moves',
    trial: 1,
    status: 'not-measured',
    reason: 'the bound of 12 s ran out while waiting for the exporter to answer',
    binMs: 200,
    timelines: {},
    faults: [],
    marks: [],
    latencies: [],
    expectations: [{ what: 'cache_redis_hits_total', expected: 'above 0', actual: '0', held: false }],
  };
  const base = goReport();
  return {
    ...base,
    run: { ...RUN, environment: 'staging', profile: 'full', seed: 7, commit: null },
    verdict: judged(criteria, {
      decision: 'NO_GO',
      exitCode: 1,
      action: 'keep-disabled',
      advice: [
        'Leave ENABLE_REDIS_CACHE unset: the memory cache answers.',
        'Mend the failures below and run again.',
      ],
    }),
    comparison: base.comparison.map((row) => ({
      ...row,
      trials: 3,
      writeGapMs:
        row.writeGapMs === null
          ? null
          : {
              min: row.writeGapMs.min * 0.91,
              median: row.writeGapMs.median,
              max: row.writeGapMs.max * (row.client === 'kit' ? 1.1 : 6.4),
            },
    })),
    trials: [...integrationTrials().slice(0, 5), broken, ...failoverTrials(draw, 3), ...loadTrials(draw)],
  };
}

/** Files are gone and one was changed: nothing that stood on them is known. */
export function unknownReport(): Report {
  const gone = ['trials/master-crash-1/kit.jsonl', 'trials/master-crash-1/events.jsonl'];
  const changes = Object.fromEntries(
    PASSING.filter((each) => each.scope.workload === 'master-crash').map((each) => [
      each.id,
      {
        state: 'NOT_MEASURED',
        measured: null,
        n: 0,
        because: `evidence is missing: ${gone[0]}`,
        remedy: 'Run the drill again: kit drill master-crash',
        evidence: [],
      } as const,
    ]),
  );
  const base = goReport();
  return {
    ...base,
    run: { ...RUN, incomplete: 'ended by a signal during master-hang' },
    verdict: judged(altered(changes), {
      decision: 'UNKNOWN',
      exitCode: 3,
      action: 'keep-disabled',
      advice: ['Measure again before deciding.'],
    }),
    comparison: base.comparison.map((row) =>
      row.drill === 'master-crash' ? { ...row, writeGapMs: null } : row,
    ),
    integrity: { missing: gone, altered: ['trials/steady-1/kit.jsonl'] },
  };
}

/** A run in which nothing happened. */
export function emptyReport(): Report {
  return {
    schema: 'redis-cache-kit/report/1',
    run: { ...RUN, commit: null, provenance: {}, departures: [], argv: [] },
    verdict: judged([], { decision: 'UNKNOWN', exitCode: 3, action: 'keep-disabled', advice: [] }),
    comparison: [],
    trials: [],
    benchmarks: [],
    integrity: { missing: [], altered: [] },
  };
}

export const HOSTILE =
  '"><script>alert(1)</script><img src=x onerror=alert(2)>\' ]]> {{x}} | @everyone `code` **b** \u001b[31mred\u001b[0m \u0000\ud800 javascript:alert(3) <!-- --> </style></svg>';

/** Every text that comes out of data is hostile, every number that may be null is. */
export function hostileReport(): Report {
  const base = noGoReport();
  const replace = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return KEPT.includes(key) ? value : HOSTILE;
    if (Array.isArray(value)) return value.map((item) => replace(item, key));
    if (value === null || typeof value !== 'object') return NULLABLE.includes(key) ? null : value;
    if (NULLABLE.includes(key)) return null;
    const entries = Object.entries(value).map(([name, item]) => [
      key === 'timelines' || key === 'provenance' ? `${name}${HOSTILE}` : name,
      replace(item, name),
    ]);
    return Object.fromEntries(entries);
  };
  return replace(base, '') as Report;
}

const KEPT = ['schema', 'state', 'decision', 'action', 'op', 'kind', 'family', 'status', 'profile'];
const NULLABLE = ['p50Ms', 'p99Ms', 'writeGapMs', 'measured', 'bound', 'toMs'];
