import { describe, expect, it } from 'vitest';
import type { EnvironmentConfig } from '../../../../config/schema.ts';
import type { Finding } from '../../../../harness/checkers/history-queries.ts';
import { nodeCheckers } from '../../../../harness/checkers/nodes/index.ts';
import { buildContext, buildEnvironment, buildHistory, figureNumber } from '../history-builders.ts';
import { healthyNodes, type Planted } from './node-builders.ts';
import {
  CLUSTER,
  configReply,
  ENCRYPTED,
  masterReply,
  type Overrides,
  RED,
  SINGLE,
} from './planted-deviations.ts';
import { RED_PERMISSIONS } from './planted-permissions.ts';

/** Rules that apply only to topologies with replicas, as in config/gates.yaml. */
const REPLICATION_RULES = new Set([
  ...['quorum', 'parallel-syncs', 'failure-detection', 'roles', 'write-guard', 'watchdog'],
]);

function check(id: string, planted: readonly Planted[] = [], over: Overrides = {}): Finding {
  return checked(id, buildEnvironment(over), healthyNodes(buildEnvironment(over), planted));
}

function checked(id: string, config: EnvironmentConfig, events: ReturnType<typeof healthyNodes>): Finding {
  const checker = nodeCheckers.find((one) => one.id === id);
  if (checker === undefined) throw new Error(`there is no checker ${id}`);
  return checker.check(buildHistory(events), buildContext({ environment: config, drill: 'configuration' }));
}

const figureOf = (id: string) => (id === 'failure-detection' ? 'electionRetryMs' : 'wrong');

describe('the facts of a healthy environment', () => {
  it.each(nodeCheckers.map(({ id }) => id))('cause no finding by the checker %s', (id) => {
    for (const [name, over] of Object.entries({
      sentinel: {},
      encrypted: ENCRYPTED,
      cluster: CLUSTER,
      single: SINGLE,
    })) {
      // Some checkers apply only to one kind of topology, or only if encryption is promised, as in config/gates.yaml.
      if (name !== 'encrypted' && (id === 'encryption' || id === 'tls-versions')) continue;
      if (name === 'single' && REPLICATION_RULES.has(id)) continue;
      if (name === 'cluster' && ['quorum', 'parallel-syncs', 'watchdog'].includes(id)) continue;
      const finding = check(id, [], over);
      expect(finding, `${id} on ${name}`).toMatchObject({ validity: 'valid' });
      if (figureOf(id) === 'wrong') expect(figureNumber(finding, 'wrong'), `${id} on ${name}`).toBe(0);
    }
  });
});

describe('a deviating value on a node', () => {
  it.each(
    [...RED, ...RED_PERMISSIONS].map(([id, planted, reason, remedy, over]) => ({
      id,
      planted,
      reason,
      remedy,
      over,
    })),
  )(
    'fails the checker $id: $planted.node $planted.name $planted.data',
    ({ id, planted, reason, remedy, over }) => {
      const finding = check(id, [planted], over);
      expect(finding.validity).toBe('invalid');
      expect(figureNumber(finding, 'wrong')).toBeGreaterThanOrEqual(1);
      expect(finding.reasons.join('\n')).toMatch(reason);
      expect(finding.remedies?.join('\n')).toMatch(remedy);
    },
  );

  it('is counted once, at the first probe, even though every probe shows it', () => {
    const finding = check('flush', [configReply({ appendfsync: 'no' })]);
    expect(figureNumber(finding, 'wrong')).toBe(1);
    expect(finding.reasons).toEqual([expect.stringContaining('at the start of the run')]);
  });

  it('is counted if only a probe between two trials shows it', () => {
    const finding = check('flush', [{ ...configReply({ appendfsync: 'no' }), when: 'between' }]);
    expect(finding.reasons).toEqual([expect.stringContaining('after trial 1')]);
  });

  it('is reported for the sentinel with the longest retry, and for the one with the shortest detection', () => {
    const slow = check('failure-detection', [masterReply({ 'failover-timeout': '60000' })]);
    expect(figureNumber(slow, 'electionRetryMs')).toBe(121_000);
    expect(slow.reasons.join()).toMatch(
      /electionRetryMs: sentinel-2: .*failover-timeout is '60000', rendered '5000'/,
    );
    expect(slow.remedies?.join()).toMatch(/electionRetryMs: sentinel-2: .*SENTINEL SET mymaster/);
    const fast = check('failure-detection', [masterReply({ 'down-after-milliseconds': '100' })]);
    expect(figureNumber(fast, 'detectionMs')).toBe(100);
    expect(figureNumber(fast, 'electionRetryMs')).toBe(11_000);
    const cluster = check('failure-detection', [configReply({ 'cluster-node-timeout': '15000' })], CLUSTER);
    expect(figureNumber(cluster, 'electionRetryMs')).toBe(75_000);
    expect(cluster.remedies?.join()).toMatch(/cluster-node-timeout is '15000', rendered '5000'/);
  });

  it('is detected by comparing the nodes if the directive has no known default', () => {
    const on = (node: string, value: string) => configReply({ 'a-later-directive': value }, node);
    const same = ['redis-1', 'redis-2', 'redis-3'].map((node) => on(node, '1'));
    expect(check('drift', same).validity).toBe('valid');
    const finding = check('drift', [...same, on('redis-2', '2')]);
    expect(finding.reasons).toEqual([
      expect.stringMatching(/redis-2: a-later-directive is '2'.*rendered '1'/),
    ]);
  });

  it('is reported with the file name if the rendered file contains it', () => {
    const rendered: readonly (readonly [string, Overrides, RegExp])[] = [
      [
        'persistence',
        { redis: { appendonly: false, save: [] } },
        /as rendered: set redis\.appendonly, redis\.save/,
      ],
      ['persistence', { redis: { extra: { appendonly: 'no', save: '""' } } }, /redis\.appendonly/],
      ['flush', { redis: { appendfsync: 'no' } }, /as rendered: set redis\.appendfsync/],
      [
        'eviction',
        { redis: { extra: { 'maxmemory-policy': 'noeviction' } } },
        /as rendered: set redis\.maxmemoryPolicy/,
      ],
      ['write-guard', { redis: { minReplicasToWrite: 0 } }, /as rendered: set redis\.minReplicasToWrite/],
      [
        'lag-bound',
        { redis: { minReplicasMaxLagSeconds: 60 } },
        /as rendered: set redis\.minReplicasMaxLagSeconds/,
      ],
      ['promotable', { redis: { extra: { 'replica-priority': '0' } } }, /as rendered: set redis\.extra/],
      ['quorum', { topology: { quorum: 3 } }, /as rendered: set topology\.quorum/],
      ['quorum', { topology: { sentinels: 2, quorum: 2 } }, /topology\.sentinels/],
      ['parallel-syncs', { sentinel: { parallelSyncs: 3 } }, /as rendered: set sentinel\.parallelSyncs/],
      ['encryption', { promises: { encryption: true } }, /port is '6379', as rendered: set security\.tls/],
    ];
    for (const [id, over, remedy] of rendered) {
      const finding = check(id, [], over);
      expect(finding.validity, id).toBe('invalid');
      expect(finding.remedies?.join(' '), id).toMatch(remedy);
      expect(check('drift', [], over).validity, `${id}: the node runs what was rendered`).toBe('valid');
    }
  });

  it.each([
    ['client-query-buffer-limit', '1048576'],
    ['proto-max-bulk-len', '1048576'],
    ['client-output-buffer-limit', 'normal 1000 0 0'],
    ['maxmemory-clients', '1%'],
    ['tracking-table-max-keys', '10'],
    ['databases', '1'],
    ['timeout', '30'],
    ['tcp-keepalive', '0'],
    ['repl-timeout', '5'],
    ['repl-disable-tcp-nodelay', 'yes'],
    ['repl-backlog-ttl', '1'],
    ['repl-diskless-sync-delay', '3600'],
    ['repl-diskless-load', 'flush-before-load'],
    ['replica-serve-stale-data', 'no'],
    ['stop-writes-on-bgsave-error', 'no'],
    ['auto-aof-rewrite-percentage', '0'],
    ['auto-aof-rewrite-min-size', '1099511627776'],
    ['aof-load-truncated', 'no'],
    ['shutdown-on-sigterm', 'nosave now'],
    ['save', '1 1'],
    ['lazyfree-lazy-expire', 'no'],
    ['hz', '1'],
    ['hz', '500'],
    ['maxmemory-samples', '1'],
    ['slowlog-log-slower-than', '-1'],
    ['slowlog-max-len', '0'],
    ['latency-monitor-threshold', '0'],
    ['loglevel', 'debug'],
  ])('is harmful and detected on the node, whether rendered or set: %s %s', (directive, value) => {
    const live = check('safe-directives', [configReply({ [directive]: value })]);
    expect(live.reasons.join()).toContain(`redis-2: ${directive} is '`);
    const rendered = check('safe-directives', [], { redis: { extra: { [directive]: value } } });
    expect(rendered.validity).toBe('invalid');
    expect(rendered.remedies?.join()).toMatch(/, as rendered: set redis\./);
    expect(rendered.reasons).toHaveLength(3);
  });

  it('is harmless if the environment does not promise persistence, or if the server does not know it', () => {
    const cache = { promises: { persistence: false, encryption: false } };
    expect(
      check('safe-directives', [configReply({ 'stop-writes-on-bgsave-error': 'no' })], cache).validity,
    ).toBe('valid');
    const unknown: Planted = { node: 'redis-2', name: 'config', data: { 'maxmemory-clients': null } };
    expect(check('safe-directives', [unknown]).validity).toBe('valid');
  });

  it('can be a command that the rendered file renames: only a needed command is reported', () => {
    const renamed = { redis: { extra: { 'rename-command': 'FLUSHALL ""' } } };
    const absent = (names: string) =>
      ['redis-1', 'redis-2', 'redis-3'].map((node) => ({ node, name: 'absent-commands', data: { names } }));
    expect(check('drift', absent('flushall'), renamed).validity).toBe('valid');
    expect(check('available-commands', absent('flushall'), renamed).validity).toBe('valid');
    const needed = { redis: { extra: { 'rename-command': 'UNLINK x' } } };
    expect(check('drift', absent('unlink'), needed).validity).toBe('valid');
    expect(check('available-commands', absent('unlink'), needed).validity).toBe('invalid');
  });

  it('is reported for a sentinel whose rendered file contains it', () => {
    const written = (data: Planted['data']) =>
      ['rendered', 'kept'].map((name): Planted => ({ node: 'sentinel-2', name, data }) as Planted);
    const mode = check('exposure', written({ 'protected-mode': 'no' }));
    expect(mode.remedies).toEqual([
      "sentinel-2: protected-mode is 'no', as rendered: write protected-mode yes in sentinel.conf.",
    ]);
    const script = written({ 'sentinel notification-script': 'mymaster /opt/x.sh' });
    expect(check('exposure', script).validity).toBe('invalid');
    expect(check('drift', written({ 'sentinel deny-scripts-reconfig': 'no' })).validity).toBe('valid');
    const timeout = check('safe-directives', written({ timeout: '5' }));
    expect(timeout.remedies).toEqual([
      "sentinel-2: timeout is '5', as rendered: set it to '0' in sentinel.conf.",
    ]);
  });

  it('is not reported for a sentinel in a container, which listens on all of its addresses', () => {
    const bind = ['rendered', 'kept'].map(
      (name): Planted => ({ node: 'sentinel-2', name, data: { bind: '0.0.0.0' } }),
    );
    const events = healthyNodes(buildEnvironment(), bind);
    const onDocker = { ...buildContext({ environment: buildEnvironment(), drill: 'configuration' }) };
    const checker = nodeCheckers.find(({ id }) => id === 'exposure');
    expect(checker?.check(buildHistory(events), { ...onDocker, substrate: 'docker' }).validity).toBe('valid');
  });

  it('is not reported if durable writes are protected by a majority of a cluster, or only by snapshots', () => {
    expect(check('write-guard', [], CLUSTER).validity).toBe('valid');
    expect(check('persistence', [], { redis: { appendonly: false } }).validity).toBe('valid');
  });
});

/**
 * Facts that each checker needs, each with the node on which the test omits it. The checker must detect the missing
 * fact.
 */
const STANDS_ON: Readonly<Record<string, readonly Pick<Planted, 'node' | 'name'>[]>> = {
  drift: [
    { node: 'redis-2', name: 'config' },
    { node: 'redis-2', name: 'users' },
    { node: 'sentinel-2', name: 'sentinel-master-count' },
    { node: 'sentinel-2', name: 'sentinel-config' },
  ],
  roles: [{ node: 'redis-2', name: 'role' }],
  persistence: [
    { node: 'redis-2', name: 'config' },
    { node: 'redis-2', name: 'info' },
  ],
  flush: [{ node: 'redis-2', name: 'config' }],
  eviction: [{ node: 'redis-2', name: 'config' }],
  'write-guard': [{ node: 'redis-2', name: 'config' }],
  'lag-bound': [{ node: 'redis-2', name: 'config' }],
  promotable: [{ node: 'redis-2', name: 'config' }],
  'read-only-replicas': [{ node: 'redis-2', name: 'config' }],
  quorum: [{ node: 'sentinel-2', name: 'sentinel-master-count' }],
  'failure-detection': [{ node: 'sentinel-2', name: 'sentinel-master-count' }],
  'parallel-syncs': [{ node: 'sentinel-2', name: 'sentinel-master-count' }],
  encryption: [
    { node: 'redis-2', name: 'ports' },
    { node: 'sentinel-2', name: 'ports' },
    { node: 'redis-2', name: 'config' },
  ],
  'tls-versions': [{ node: 'redis-2', name: 'ports' }],
  exposure: [
    { node: 'redis-2', name: 'config' },
    { node: 'sentinel-2', name: 'info' },
  ],
  users: [{ node: 'sentinel-2', name: 'users' }],
  passwords: [
    { node: 'redis-2', name: 'users' },
    { node: 'redis-2', name: 'classes' },
  ],
  commands: [
    { node: 'redis-2', name: 'users' },
    { node: 'redis-2', name: 'classes' },
  ],
  'data-access': [
    { node: 'redis-2', name: 'users' },
    { node: 'sentinel-2', name: 'classes' },
  ],
  'available-commands': [
    { node: 'redis-2', name: 'absent-commands' },
    { node: 'sentinel-2', name: 'absent-commands' },
  ],
  'safe-directives': [
    { node: 'redis-2', name: 'config' },
    { node: 'sentinel-2', name: 'sentinel-config' },
    { node: 'sentinel-2', name: 'kept' },
  ],
  watchdog: [{ node: 'watchdog', name: 'watchdog' }],
};

describe('a missing fact', () => {
  const over = ENCRYPTED;
  /** Removes the entries of a list together with its count. */
  const gone = (fact: Pick<Planted, 'node' | 'name'>): readonly Planted[] =>
    fact.name === 'sentinel-master-count' ? [fact, { ...fact, name: 'sentinel-master' }] : [fact];

  it.each(nodeCheckers.map(({ id }) => id))('leaves the checker %s without a figure', (id) => {
    for (const fact of STANDS_ON[id] ?? []) {
      for (const when of ['start', 'end'] as const) {
        const finding = check(
          id,
          gone(fact).map((one) => ({ ...one, when })),
          over,
        );
        expect(finding, `${id} without ${fact.name} at the ${when}`).toMatchObject({
          validity: 'unknown',
          figures: {},
        });
      }
    }
    expect(STANDS_ON[id]?.length, id).toBeGreaterThan(0);
  });

  it.each(nodeCheckers.map(({ id }) => id))(
    'leaves the checker %s without a figure if the nodes were not probed at the end of the run',
    (id) => {
      const config = buildEnvironment(over);
      const events = healthyNodes(config);
      const last = events.findLastIndex((event) => event.type === 'observe' && event.name === 'probe');
      expect(checked(id, config, events.slice(0, last))).toMatchObject({ validity: 'unknown', figures: {} });
      expect(checked(id, config, [])).toMatchObject({ validity: 'unknown', figures: {} });
    },
  );

  it("can be a node's position in its cluster, or the replicas that a sentinel reports", () => {
    const unplaced = check('roles', [{ node: 'redis-2', name: 'cluster-nodes', when: 'end' }], CLUSTER);
    expect(unplaced).toMatchObject({ validity: 'unknown', figures: {} });
    const alone = ['sentinel-replica-count', 'sentinel-replica'].map((name) => ({
      node: 'sentinel-2',
      name,
    }));
    expect(check('quorum', alone)).toMatchObject({ validity: 'unknown', figures: {} });
  });

  it('does not hide a finding on another node', () => {
    const finding = check('flush', [{ node: 'redis-1', name: 'config' }, configReply({ appendfsync: 'no' })]);
    expect(finding.validity).toBe('invalid');
  });

  it('is excused between two trials, when a node may be starting', () => {
    for (const { id } of nodeCheckers) {
      const silent = ['redis-2', 'sentinel-2'].flatMap((node) =>
        [
          'config',
          'users',
          'info',
          'role',
          'sentinel-master-count',
          'sentinel-master',
          'sentinel-config',
        ].map((name) => ({
          node,
          name,
          when: 'between' as const,
        })),
      );
      expect(check(id, silent, over).validity, id).toBe('valid');
    }
  });

  it('can be a directive that the file contains but the node does not report', () => {
    const finding = check('drift', [{ node: 'redis-2', name: 'config', data: { maxmemory: null } }]);
    expect(finding).toMatchObject({ validity: 'unknown', figures: {} });
    expect(finding.reasons.join()).toMatch(/redis-2 did not answer CONFIG GET maxmemory/);
  });
});
