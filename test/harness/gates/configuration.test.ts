/**
 * Every gate of the configuration has a run that turns it and one that leaves it unmeasured, both by hand, judged whole: a gate that is
 * added to config/gates.yaml without them fails here.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { loadGates } from '../../../config/gates.ts';
import { drills } from '../../../harness/drills/index.ts';
import { analyzeRun } from '../../../harness/judge.ts';
import { environment, sample, seen } from '../checkers/by-hand.ts';
import type { Planted } from '../checkers/nodes/by-hand.ts';
import type { RunOptions } from '../healthy-run.ts';
import { criterion, Scratch } from '../scratch.ts';

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

const config = (data: Readonly<Record<string, string>>): Planted => ({
  node: 'redis-2',
  name: 'config',
  data,
});
const master = (data: Readonly<Record<string, string>>): Planted => ({
  node: 'sentinel-2',
  name: 'sentinel-master',
  data,
});
const users = (data: Readonly<Record<string, string>>): Planted => ({ node: 'redis-2', name: 'users', data });
const gone = (name: string, node = 'redis-2'): Planted => ({ node, name });
const SILENT_SENTINEL = [gone('sentinel-master-count', 'sentinel-2'), gone('sentinel-master', 'sentinel-2')];
const encrypted = environment({ security: { tls: true }, promises: { encryption: true } });

/** A small backlog under a fast stream of writes: 2 MB/s. */
const buffers = (backlogBytes: number) => [
  seen(
    'info',
    'buffers',
    0,
    { 'repl-backlog-size': String(backlogBytes), 'client-output-buffer-limit': 'slave 0 0 0' },
    { node: 'redis-1' },
  ),
  ...Array.from({ length: 10 }, (_, i) =>
    sample('redis-1', i * 1000, {
      ...{ usedMemory: 10, maxmemory: 100, evictedKeys: 0 },
      masterReplOffset: i * 2_000_000,
    }),
  ),
];

interface Fixture {
  readonly red: RunOptions;
  readonly absent: RunOptions;
  /** Node, directive and both values in the remedy of the red one; the setting where no node has it. */
  readonly remedy: RegExp;
}

/** The environment's file alone says it, so that only a run without the trial leaves it open. */
const NO_TRIAL: RunOptions = { manifest: { trials: [] } };

const planted = (...facts: readonly Planted[]): RunOptions => ({ planted: facts });

const FIXTURES: Readonly<Record<string, Fixture>> = {
  'configuration-drift': {
    red: planted(config({ timeout: '5' })),
    absent: planted(gone('config')),
    remedy: /redis-2: timeout is '5', rendered '0'/,
  },
  roles: {
    red: planted({ node: 'redis-2', name: 'role', data: { role: 'master', link: null } }),
    absent: planted(gone('role')),
    remedy: /redis-1 and redis-2: 2 nodes report ROLE master, 1 must/,
  },
  persistence: {
    red: planted(config({ appendonly: 'no', save: '' })),
    absent: planted(gone('config')),
    remedy: /redis-2: appendonly is 'no', rendered 'yes'/,
  },
  'persistence-flush': {
    red: planted(config({ appendfsync: 'no' })),
    absent: planted(gone('config')),
    remedy: /redis-2: appendfsync is 'no', rendered 'everysec'/,
  },
  'eviction-policy': {
    red: planted(config({ 'maxmemory-policy': 'noeviction' })),
    absent: planted(gone('config')),
    remedy: /redis-2: maxmemory-policy is 'noeviction', rendered 'allkeys-lru'/,
  },
  'durability-backed': {
    red: planted(config({ 'min-replicas-to-write': '0' })),
    absent: planted(gone('config')),
    remedy: /redis-2: min-replicas-to-write is '0', rendered '1'/,
  },
  'lag-bound': {
    red: planted(config({ 'min-replicas-max-lag': '60' })),
    absent: planted(gone('config')),
    remedy: /redis-2: min-replicas-max-lag is '60', rendered '2'/,
  },
  promotion: {
    red: planted(config({ 'replica-priority': '0' })),
    absent: planted(gone('config')),
    remedy: /redis-2: replica-priority is '0', rendered '100'/,
  },
  'replicas-read-only': {
    red: planted(config({ 'replica-read-only': 'no' })),
    absent: planted(gone('config')),
    remedy: /redis-2: replica-read-only is 'no', rendered 'yes'/,
  },
  quorum: {
    red: planted(master({ quorum: '3' })),
    absent: planted(...SILENT_SENTINEL),
    remedy: /sentinel-2: quorum is '3', rendered '2'/,
  },
  'parallel-syncs': {
    red: planted(master({ 'parallel-syncs': '2' })),
    absent: planted(...SILENT_SENTINEL),
    remedy: /sentinel-2: parallel-syncs is '2', rendered '1'/,
  },
  'election-retry': {
    red: planted(master({ 'failover-timeout': '60000' })),
    absent: planted(...SILENT_SENTINEL),
    remedy: /sentinel-2: .*failover-timeout is '60000', rendered '5000'/,
  },
  'failure-detection': {
    red: planted(master({ 'down-after-milliseconds': '100' })),
    absent: planted(...SILENT_SENTINEL),
    remedy: /sentinel-2: down-after-milliseconds is '100', rendered '1000'/,
  },
  tls: {
    red: { environment: encrypted, ...planted(config({ port: '6380' })) },
    absent: { environment: encrypted, ...planted(gone('ports')) },
    remedy: /redis-2: port is '6380', rendered '0'/,
  },
  'tls-versions': {
    red: { environment: encrypted, ...planted(config({ 'tls-protocols': 'TLSv1 TLSv1.2' })) },
    absent: { environment: encrypted, ...planted(gone('ports')) },
    remedy: /redis-2: tls-protocols is 'tlsv1 tlsv1\.2', rendered 'tlsv1\.2 tlsv1\.3'/,
  },
  'network-exposure': {
    red: planted(config({ 'protected-mode': 'no' })),
    absent: planted(gone('config')),
    remedy: /redis-2: protected-mode is 'no', rendered 'yes'/,
  },
  'access-users': {
    red: planted(users({ mallory: 'on #digest:1 +@all' })),
    absent: planted(gone('users')),
    remedy: /redis-2: ACL DELUSER mallory/,
  },
  'access-passwords': {
    red: planted(users({ app: 'on nopass ~* +get' })),
    absent: planted(gone('users')),
    remedy: /redis-2: ACL SETUSER app resetpass/,
  },
  'access-commands': {
    red: planted(users({ app: 'on #digest:1 ~* +flushall' })),
    absent: planted(gone('classes')),
    remedy: /redis-2: ACL SETUSER app -flushall/,
  },
  'supervised-client': {
    red: { environment: environment({ client: { supervision: false } }) },
    absent: NO_TRIAL,
    remedy: /client\.supervision/,
  },
  'breaker-enabled': {
    red: {
      environment: environment({ client: { breaker: { enabled: false, threshold: 5, openMs: 1000 } } }),
    },
    absent: NO_TRIAL,
    remedy: /client\.breaker\.enabled/,
  },
  'async-window': {
    red: { environment: environment({ durability: { asyncLossWindowMs: 5000 } }) },
    absent: { manifest: { substrate: 'attached' } },
    remedy: /durability\.asyncLossWindowMs/,
  },
  'replication-buffers': {
    red: { instead: { 'steady/events': buffers(1_000_000) } },
    absent: { instead: { 'steady/events': buffers(1_000_000).slice(1) } },
    remedy:
      /redis-1: repl-backlog-size is '1000000': it must hold 30 s of 1953 KB\/s, which is 60000000 bytes/,
  },
};

const gates = loadGates().gates.filter(({ group }) => group === 'configuration');
const only = (id: string, options: RunOptions) => {
  const workload = gates.find((gate) => gate.id === id)?.workload ?? [];
  const asked = drills.filter((drill) => workload.includes(drill.id));
  const { dir } = scratch.recorded({ drills: asked, ...options });
  return criterion(analyzeRun(dir), id);
};

describe.each(gates.map(({ id }) => id))('the gate %s', (id) => {
  const fixture = FIXTURES[id];

  it('fails by its red run, and the remedy names the cause', () => {
    const found = only(id, fixture?.red ?? {});
    expect(found.state, found.because).toBe('FAIL');
    expect(found.remedy).toMatch(fixture?.remedy ?? /^$/);
  });

  it('is not measured where the nodes did not say it', () => {
    expect(only(id, fixture?.absent ?? {})).toMatchObject({ state: 'NOT_MEASURED' });
  });

  it('passes on healthy nodes', () => {
    const found = only(id, fixture?.red.environment === encrypted ? { environment: encrypted } : {});
    expect(found.state, found.because).toBe('PASS');
  });
});
