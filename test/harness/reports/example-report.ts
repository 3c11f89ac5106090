/** Complete reports with each of the three outcomes, and edge cases: an empty run and hostile text. */
import type { Criterion, CriterionState, Verdict } from '../../../harness/gates/gate.ts';
import type { ComparisonRow, Report, TrialView } from '../../../harness/reports/report.ts';
import { alterCriteria, PASSING } from './example-criteria.ts';
import { canaryTrial, failoverTrials, integrationTrials, loadTrials, seededDraw } from './example-trials.ts';

export function buildVerdict(criteria: readonly Criterion[], verdict: Partial<Verdict> = {}): Verdict {
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
    appliedTwice: 0,
    longerThan1s: slow,
    deadClients: dead,
  };
});

const RUN: Report['run'] = {
  schema: 'redis-cache-kit/run/2',
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
  deviations: [
    'activedefrag yes is left out: this redis-server is built with the system jemalloc and would refuse to start',
    'io-threads 4 is capped to 2: the machine has 2 cores',
  ],
  machine: { kernel: 'Linux 6.1.0-37-amd64', cpu: 'AMD EPYC 7B13', cores: 2, memoryBytes: 8_349_155_328 },
};

export function goReport(): Report {
  const draw = seededDraw(42);
  return {
    schema: 'redis-cache-kit/report/3',
    run: RUN,
    verdict: buildVerdict(PASSING),
    comparison: COMPARISON,
    trials: [...integrationTrials(), canaryTrial(), ...failoverTrials(draw, 1), ...loadTrials(draw)],
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

/** A report of a few drills that pass. It has a decision but no action. */
export function drillReport(): Report {
  const report = goReport();
  const verdict = { ...report.verdict, action: null, advice: ['The requested criteria pass.'] };
  return { ...report, run: { ...report.run, kind: 'drill' }, verdict };
}

/** One criterion of each state that is not PASS. */
const NO_GO_CHANGES: Parameters<typeof alterCriteria>[0] = {
  quorum: {
    state: 'FAIL',
    measured: 3,
    reason: 'a quorum of 3 of 3 sentinels: no failover is possible while one sentinel is down',
    remedy: 'Set topology.quorum to 2 in config/environments/dev.yaml.',
  },
  'durable-kept-master-crash': {
    state: 'FAIL',
    measured: 418,
    reason:
      '418 of 2,204 durable writes that were acknowledged are on no node (first: w:kit:1093, w:kit:1094, w:kit:1095)',
    remedy:
      'Set redis.minReplicasToWrite to 1 and durability.durableWrites to { replicas: 1, timeoutMs: 1000 }.',
    bound: { kind: 'upper', value: 449, confidence: 0.95, method: 'clopper-pearson' },
  },
  'get-latency': {
    state: 'INVALID',
    reason:
      'the generator was late by 61 ms at p99 (bound 5 ms): the machine was too busy for timed criteria',
    remedy: 'Run again on a machine with two idle cores.',
    measured: 9.72,
  },
  'switch-gap': {
    state: 'INSUFFICIENT',
    reason: '3 trials without failure; 59 are needed to claim 95 % with 95 % confidence',
    remedy: 'kit readiness --profile full',
    n: 3,
    minN: 59,
    bound: { kind: 'lower', value: 0.3684, confidence: 0.95, method: 'clopper-pearson' },
  },
  observability: {
    state: 'NOT_MEASURED',
    measured: null,
    n: 0,
    reason: 'the drill observability was not run',
    remedy: 'kit drill observability',
    evidence: [],
  },
  availability: {
    state: 'FAIL',
    measured: 0.9989996,
    reason: '8 of 7,620 not answered',
    remedy: 'See the steady drill.',
  },
  'memory-headroom': {
    state: 'WAIVED',
    measured: 0.83,
    reason: 'FAIL: measured 83 %, target < 80 %',
    waiver: {
      owner: 'ops@example.org',
      reason: 'the bigger nodes come in December',
      expires: '2026-12-20',
      status: 'in-force',
    },
    remedy: 'Raise redis.maxmemory.',
  },
  'crash-write-gap': {
    n: 3,
    bound: { kind: 'upper', value: 2911, confidence: 0.95, method: 'order-statistic' },
  },
};

const NOT_MEASURED_TRIAL: TrialView = {
  drill: 'observability',
  title: 'Metrics and structured logs',
  family: 'integration',
  safeOutcome: 'every counter moves',
  trial: 1,
  status: 'not-measured',
  reason: 'timed out after 12 s waiting for a reply from the exporter',
  durationMs: 12_000,
  binMs: 200,
  timelines: {},
  faults: [],
  marks: [],
  latencies: [],
  expectations: [{ what: 'cache_redis_hits_total', expected: 'above 0', actual: '0', held: false }],
};

/** A report with a planted misconfiguration, several trials of each failover, and all states. */
export function noGoReport(): Report {
  const draw = seededDraw(7);
  const criteria = alterCriteria(NO_GO_CHANGES);
  const base = goReport();
  return {
    ...base,
    run: { ...RUN, environment: 'staging', profile: 'full', seed: 7, commit: null },
    verdict: buildVerdict(criteria, {
      decision: 'NO_GO',
      exitCode: 1,
      action: 'keep-disabled',
      advice: [
        'Leave ENABLE_REDIS_CACHE unset: the memory cache answers.',
        'Fix the failed criteria below and run again.',
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
    trials: [
      ...integrationTrials().slice(0, 5),
      NOT_MEASURED_TRIAL,
      canaryTrial(),
      ...failoverTrials(draw, 3),
      ...loadTrials(draw),
    ],
  };
}

/** A report with an overridden gate, and with a conditional go that is due to a waiver. */
export function conditionalReport(): Report {
  const waived = noGoReport().verdict.criteria.find(({ state }) => state === 'WAIVED');
  const criteria = alterCriteria({
    'memory-headroom': { ...waived },
    'get-latency': {
      target: { op: '<', value: 8 },
      override: {
        owner: 'team-shop',
        reason: 'our disks are slower',
        file: 'ours.yaml',
        fields: ['target'],
        target: { op: '<', value: 5 },
        unit: 'ms',
      },
    },
  });
  return { ...goReport(), verdict: buildVerdict(criteria, { decision: 'CONDITIONAL_GO' }) };
}

/** A report in which files are missing and one was changed: everything that depends on them is unknown. */
export function unknownReport(): Report {
  const gone = ['trials/master-crash-1/kit.jsonl', 'trials/master-crash-1/events.jsonl'];
  const changes = Object.fromEntries(
    PASSING.filter((each) => each.scope.workload === 'master-crash').map((each) => [
      each.id,
      {
        state: 'NOT_MEASURED',
        measured: null,
        n: 0,
        reason: `evidence is missing: ${gone[0]}`,
        remedy: 'Run the drill again: kit drill master-crash',
        evidence: [],
      } as const,
    ]),
  );
  const base = goReport();
  return {
    ...base,
    run: { ...RUN, incomplete: 'ended by a signal during master-hang' },
    verdict: buildVerdict(alterCriteria(changes), {
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

/** A report of a run without events. */
export function emptyReport(): Report {
  return {
    schema: 'redis-cache-kit/report/3',
    run: { ...RUN, commit: null, provenance: {}, deviations: [], argv: [] },
    verdict: buildVerdict([], { decision: 'UNKNOWN', exitCode: 3, action: 'keep-disabled', advice: [] }),
    comparison: [],
    trials: [],
    benchmarks: [],
    integrity: { missing: [], altered: [] },
  };
}

export const HOSTILE =
  '"><script>alert(1)</script><img src=x onerror=alert(2)>\' ]]> {{x}} | @everyone `code` **b** \u001b[31mred\u001b[0m \u0000\ud800 javascript:alert(3) <!-- --> </style></svg>';

/** A report in which every text from data is hostile and every nullable number is null. */
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

const KEPT = [
  ...['schema', 'state', 'decision', 'action', 'op', 'kind', 'family', 'status', 'profile', 'source'],
  'verdict',
];
const NULLABLE = ['p50Ms', 'p99Ms', 'writeGapMs', 'measured', 'bound', 'toMs'];
