/**
 * Faults planted into running servers, one at a time: the run that follows is a no-go, its criterion names the cause, and its remedy
 * names the node, the directive and both values. The environment stays up; each fault is taken back before the next.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../config/load.ts';
import type { EnvironmentConfig } from '../../config/schema.ts';
import type { Report } from '../../harness/reports/report.ts';
import { run } from '../../harness/run.ts';
import type { Environment } from '../../infra/environment.ts';
import { localSubstrate } from '../../infra/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { until } from '../support/redis.ts';

/** Takes the fault back. */
type Heal = () => Promise<unknown>;

interface Case {
  readonly name: string;
  plant(environment: Environment): Promise<Heal>;
  /** The criterion that fails for it, beside `configuration-drift`. */
  readonly criterion: string;
  /** Node, directive and values in its remedy. */
  readonly remedy: RegExp;
}

/** `CONFIG SET` on one node: the values that the remedy names are the one that was planted and the rendered one. */
function directive(
  criterion: string,
  changes: Readonly<Record<string, string>>,
  rendered: string,
  node = 'redis-2',
): Case {
  const [[name, live] = ['', '']] = Object.entries(changes);
  return {
    name: `${node}: CONFIG SET ${Object.entries(changes).flat().join(' ')}`,
    criterion,
    remedy: new RegExp(`${node}: ${name} is '${live}', rendered '${rendered}'`, 'i'),
    async plant(environment) {
      const admin = await adminOf(environment, node);
      const before: [string, string][] = [];
      for (const [directive, value] of Object.entries(changes)) {
        const [, was] = (await admin.config('GET', directive)) as string[];
        before.push([directive, was ?? '']);
        await admin.config('SET', directive, value);
      }
      return async () => {
        for (const [directive, was] of before) await admin.config('SET', directive, was);
      };
    },
  };
}

function sentinelOption(criterion: string, option: string, live: string, rendered: string): Case {
  return {
    name: `sentinel-2: SENTINEL SET ${option} ${live}`,
    criterion,
    remedy: new RegExp(`sentinel-2: .*${option} is '${live}', rendered '${rendered}'`),
    async plant(environment) {
      const sentinel = await environment.admin('sentinel-2');
      await sentinel.call('SENTINEL', 'SET', 'mymaster', option, live);
      return () => sentinel.call('SENTINEL', 'SET', 'mymaster', option, rendered);
    },
  };
}

/** `ACL SETUSER` on one node; the users of its file are loaded again afterwards. */
function acl(
  criterion: string,
  user: string,
  rules: readonly string[],
  remedy: RegExp,
  node = 'redis-2',
): Case {
  return {
    name: `${node}: ACL SETUSER ${user} ${rules.join(' ')}`,
    criterion,
    remedy,
    async plant(environment) {
      await (await adminOf(environment, node)).call('ACL', 'SETUSER', user, ...rules);
      return async () => (await adminOf(environment, node)).call('ACL', 'LOAD');
    },
  };
}

/** A connection that answers: ACL LOAD ends those of users that it changed. */
async function adminOf(environment: Environment, node: string): Promise<Redis> {
  let open: Redis | undefined;
  await until(`an answer of ${node}`, async () => {
    const admin = await environment.admin(node);
    const answered = await admin.ping().then(
      () => true,
      () => false,
    );
    if (answered) open = admin;
    return answered;
  });
  if (open === undefined) throw new Error(`no connection to ${node}`);
  return open;
}

const DRIFT = 'configuration-drift';

const SENTINEL_CASES: readonly Case[] = [
  directive('persistence', { appendonly: 'no', save: '' }, 'yes'),
  directive('persistence-flush', { appendfsync: 'no' }, 'everysec'),
  directive('persistence-flush', { 'no-appendfsync-on-rewrite': 'yes' }, 'no'),
  directive('eviction-policy', { 'maxmemory-policy': 'noeviction' }, 'allkeys-lru', 'redis-1'),
  directive('eviction-policy', { 'maxmemory-policy': 'volatile-ttl' }, 'allkeys-lru'),
  directive('eviction-policy', { maxmemory: '0' }, '268435456', 'redis-3'),
  directive('durability-backed', { 'min-replicas-to-write': '0' }, '1', 'redis-1'),
  directive('lag-bound', { 'min-replicas-max-lag': '60' }, '2'),
  directive('promotion', { 'replica-priority': '0' }, '100'),
  directive('promotion', { 'replica-announced': 'no' }, 'yes', 'redis-3'),
  directive('replicas-read-only', { 'replica-read-only': 'no' }, 'yes'),
  directive('replicas-read-only', { 'replica-ignore-maxmemory': 'no' }, 'yes'),
  directive('network-exposure', { 'protected-mode': 'no' }, 'yes'),
  // Without a criterion of their own: every directive is compared.
  directive(DRIFT, { maxclients: '128' }, '10000'),
  directive(DRIFT, { maxmemory: '300000000' }, '268435456'),
  directive(DRIFT, { 'repl-backlog-size': '16384' }, '16777216'),
  directive(DRIFT, { 'repl-timeout': '5' }, '60'),
  directive(DRIFT, { timeout: '1' }, '0', 'redis-1'),
  directive(DRIFT, { hz: '500' }, '10'),
  directive(DRIFT, { 'lazyfree-lazy-user-del': 'no' }, 'yes'),
  directive(DRIFT, { 'notify-keyspace-events': 'Ex' }, ''),
  directive(DRIFT, { 'latency-monitor-threshold': '0' }, '100', 'redis-3'),
  {
    name: 'redis-2: CONFIG SET client-output-buffer-limit',
    criterion: DRIFT,
    remedy:
      /redis-2: client-output-buffer-limit is '.*replica 1048576 0 0', rendered '.*replica 268435456 67108864 60'/,
    async plant(environment) {
      const admin = await environment.admin('redis-2');
      await admin.config('SET', 'client-output-buffer-limit', 'replica 1mb 0 0');
      return () => admin.config('SET', 'client-output-buffer-limit', 'replica 256mb 64mb 60');
    },
  },
  {
    name: 'redis-2: CONFIG SET masterauth, and no password in the report',
    criterion: DRIFT,
    remedy: /redis-2: masterauth is 'digest:[0-9a-f]{16}', rendered 'digest:[0-9a-f]{16}'/,
    async plant(environment) {
      const admin = await environment.admin('redis-2');
      const [, was] = (await admin.config('GET', 'masterauth')) as string[];
      await admin.config('SET', 'masterauth', 'planted-password');
      return () => admin.config('SET', 'masterauth', was ?? '');
    },
  },
  sentinelOption('quorum', 'quorum', '3', '2'),
  sentinelOption('quorum', 'quorum', '1', '2'),
  sentinelOption('failure-detection', 'down-after-milliseconds', '200', '1500'),
  sentinelOption('election-retry', 'down-after-milliseconds', '25000', '1500'),
  sentinelOption('election-retry', 'failover-timeout', '60000', '5000'),
  sentinelOption('parallel-syncs', 'parallel-syncs', '2', '1'),
  {
    name: 'sentinel-2: SENTINEL CONFIG SET resolve-hostnames yes',
    criterion: DRIFT,
    remedy: /sentinel-2: sentinel resolve-hostnames is 'yes', rendered 'no'/,
    async plant(environment) {
      const sentinel = await environment.admin('sentinel-2');
      await sentinel.call('SENTINEL', 'CONFIG', 'SET', 'resolve-hostnames', 'yes');
      return () => sentinel.call('SENTINEL', 'CONFIG', 'SET', 'resolve-hostnames', 'no');
    },
  },
  {
    name: 'sentinel-2: SENTINEL DEBUG ping-period 60000',
    criterion: DRIFT,
    remedy: /sentinel-2: ping-period is '60000', rendered '1000'/,
    async plant(environment) {
      const sentinel = await environment.admin('sentinel-2');
      await sentinel.call('SENTINEL', 'DEBUG', 'ping-period', '60000');
      return () => sentinel.call('SENTINEL', 'DEBUG', 'ping-period', '1000');
    },
  },
  {
    name: 'sentinel-2: SENTINEL MONITOR of another master',
    criterion: DRIFT,
    remedy: /sentinel-2: sentinel monitor is 'other', rendered 'mymaster': SENTINEL REMOVE other/,
    async plant(environment) {
      const sentinel = await environment.admin('sentinel-2');
      await sentinel.call('SENTINEL', 'MONITOR', 'other', '127.0.0.1', '1', '2');
      return () => sentinel.call('SENTINEL', 'REMOVE', 'other');
    },
  },
  acl('access-users', 'mallory', ['on', '>planted-password', '~*', '+get'], /redis-2: ACL DELUSER mallory/),
  acl('access-users', 'mallory', ['off'], /sentinel-3: ACL DELUSER mallory/, 'sentinel-3'),
  acl('access-users', 'default', ['on', '>planted-password'], /redis-1: ACL SETUSER default off/, 'redis-1'),
  acl('access-passwords', 'app', ['nopass'], /redis-2: ACL SETUSER app resetpass/),
  acl(
    'access-passwords',
    'mallory',
    ['on', 'nopass', '~*', '+get'],
    /redis-3: ACL SETUSER mallory resetpass/,
    'redis-3',
  ),
  acl('access-commands', 'app', ['+flushall'], /redis-2: ACL SETUSER app -flushall/),
  acl('access-commands', 'app', ['+@dangerous'], /redis-1: ACL SETUSER app -/, 'redis-1'),
  acl('access-commands', 'app', ['+config|set'], /redis-2: ACL SETUSER app -config\|set/),
  acl('access-commands', 'app', ['+eval'], /redis-2: ACL SETUSER app -eval/),
  acl('access-commands', 'exporter', ['+@admin'], /redis-2: ACL SETUSER exporter -/),
  acl('access-commands', 'app', ['(~* +debug)'], /redis-2: ACL SETUSER app -debug/),
  acl(
    'access-commands',
    'peer',
    ['+sentinel|set'],
    /sentinel-1: ACL SETUSER peer -sentinel\|set/,
    'sentinel-1',
  ),
  acl(DRIFT, 'replication', ['~*'], /redis-2: user replication has the keys ~\*/),
  acl(DRIFT, 'app', ['&*'], /redis-2: user app has the channels/),
  acl(DRIFT, 'app', ['+client|list'], /redis-2: user app may also run client\|list/),
  acl(DRIFT, 'exporter', ['-info'], /redis-2: user exporter may not run info/),
  acl(DRIFT, 'app', ['resetpass', '>planted-password'], /redis-2: user app has other passwords/),
];

const ENCRYPTED_CASES: readonly Case[] = [
  directive('tls-versions', { 'tls-protocols': 'TLSv1 TLSv1.1 TLSv1.2 TLSv1.3' }, 'tlsv1.2 tlsv1.3'),
  directive('tls', { 'tls-replication': 'no' }, 'yes'),
  directive(DRIFT, { 'tls-auth-clients': 'no' }, 'optional'),
  {
    name: 'redis-2: CONFIG SET port beside the one with TLS',
    criterion: 'tls',
    remedy: /redis-2: port is '\d+', rendered '0': CONFIG SET port "0"/,
    async plant(environment) {
      const admin = await environment.admin('redis-2');
      await admin.config('SET', 'port', '16399');
      return () => admin.config('SET', 'port', '0');
    },
  },
];

const CLUSTER_CASES: readonly Case[] = [
  directive('promotion', { 'cluster-replica-no-failover': 'yes' }, 'no', 'redis-5'),
  directive('election-retry', { 'cluster-node-timeout': '15000' }, '2000', 'redis-3'),
  directive(DRIFT, { 'cluster-require-full-coverage': 'yes' }, 'no', 'redis-4'),
  directive(DRIFT, { 'cluster-allow-reads-when-down': 'yes' }, 'no', 'redis-1'),
];

/** Judged against the writes that the servers take. */
const UNDER_LOAD: readonly Case[] = [
  {
    ...directive('replication-buffers', { 'repl-backlog-size': '16384' }, '16777216'),
    remedy: /redis-2: repl-backlog-size is '16384': it must hold 30 s of \d+ KB\/s/,
  },
];

describe.each([
  { kind: 'sentinels', base: 'dev', flags: {}, cases: SENTINEL_CASES, underLoad: UNDER_LOAD },
  {
    kind: 'TLS',
    base: 'production',
    flags: { 'redis.maxmemory': '64mb' },
    cases: ENCRYPTED_CASES,
    underLoad: [],
  },
  { kind: 'a cluster', base: 'cluster', flags: {}, cases: CLUSTER_CASES, underLoad: [] },
])(
  'a fault planted into running servers of an environment with $kind',
  ({ base, flags, cases, underLoad }) => {
    const dir = mkdtempSync(join(tmpdir(), 'kit-planted-'));
    const stateDir = join(dir, '.kit');
    const substrate = localSubstrate({ stateDir });
    let config: EnvironmentConfig;
    let environment: Environment;
    let runs = 0;

    beforeAll(async () => {
      config = loadEnvironment(
        resolve(`config/environments/${base}.yaml`),
        { name: `planted-${base}`, ...flags },
        new Map(),
      );
      environment = await substrate.apply(planTopology(config), { ephemeral: false });
    }, 60_000);
    afterAll(async () => {
      await environment?.[Symbol.asyncDispose]();
      await substrate.destroy(`planted-${base}`);
      rmSync(dir, { recursive: true, force: true });
    });

    async function judged(drills = ['configuration']): Promise<Report> {
      const { report } = await run({
        kind: 'drill',
        environment: config,
        substrate: 'local',
        profile: 'quick',
        seed: 1,
        out: join(dir, `run-${++runs}`),
        drills,
        trials: undefined,
        argv: [],
        coverage: undefined,
        stateDir,
        progress: () => undefined,
        signal: new AbortController().signal,
      });
      return report;
    }

    it.each(cases)('$name → $criterion', { timeout: 60_000 }, async ({ plant, criterion, remedy }) => {
      const heal = await plant(environment);
      let report: Report;
      try {
        report = await judged();
      } finally {
        await heal();
      }
      const failed = report.verdict.criteria.filter(({ state }) => state === 'FAIL');
      expect(report.verdict.decision).toBe('NO_GO');
      expect(failed.map(({ id }) => id)).toEqual(expect.arrayContaining(['configuration-drift', criterion]));
      expect(failed.find(({ id }) => id === criterion)?.remedy).toMatch(remedy);
    });

    it.each(underLoad)(
      '$name under load → $criterion',
      { timeout: 90_000 },
      async ({ plant, criterion, remedy }) => {
        const heal = await plant(environment);
        const report = await judged(['steady']).finally(heal);
        const found = report.verdict.criteria.find(({ id }) => id === criterion);
        expect(found?.state, found?.because).toBe('FAIL');
        expect(found?.remedy).toMatch(remedy);
      },
    );

    it('is the only reason: without one the same run is a go', async () => {
      const { verdict } = await judged();
      expect(verdict.criteria.filter(({ state }) => !['PASS', 'OUT_OF_SCOPE'].includes(state))).toEqual([]);
      expect(verdict.decision).toBe('GO');
    });
  },
);
