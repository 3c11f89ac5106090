/**
 * `kit … --substrate external` on a Redis that this test runs, with a user that has only the documented permissions.
 * MONITOR shows every command that the server accepts, and ACL LOG every command that it refuses.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../config/errors.ts';
import { drills } from '../../harness/drills/index.ts';
import type { Report } from '../../harness/reports/report.ts';
import { workloadByName } from '../../harness/workloads/index.ts';
import { resolveParameters } from '../../harness/workloads/parameters.ts';
import { keySlot } from '../../infra/redis/cluster-slots.ts';
import { aclRule, EXTERNAL_LOAD } from '../../infra/substrates/external/command-allowlist.ts';
import { CliHarness, isExcused } from '../support/cli-harness.ts';
import { type ClusterSet, startCluster } from '../support/cluster.ts';
import { monitorCommands } from '../support/monitor.ts';
import { findFreePort, RedisProcess, startSentinelSet, waitUntil } from '../support/redis-process.ts';

const PREFIX = 'redis-cache-kit:';
const PASSWORD = 'external-secret-7f3a';
/** All drills that can run, except the two longest ones, which send only commands that other drills also send. */
const ASKED = drills
  .filter(({ id, external }) => external !== undefined && !['realistic-50', 'steady'].includes(id))
  .map(({ id }) => id);
const READ_ONLY = new Set(['hello', 'auth', 'ping', 'role', 'info', 'client', 'multi', 'exec', 'unwatch']);

const CORRECTNESS = [
  'interface',
  'ttl',
  'payload-validation',
  'key-versioning',
  'circuit-breaker',
  'feature-flag',
];
const ON_KEYS = new Set(['get', 'mget', 'set', 'unlink', 'exists', 'pttl', 'watch', 'fcall']);
/** Commands that are sent only to a cluster, each with its first argument. */
const BY_ITSELF = new Set(['cluster NODES', 'asking ']);

/** Criteria that fail even though the machine was idle enough to judge them. */
const wrong = ({ criteria }: Report['verdict']) =>
  criteria.filter((one) => CORRECTNESS.includes(one.id) && one.state !== 'PASS' && !isExcused(one));

let cli: CliHarness;
let redis: RedisProcess;

async function open(): Promise<void> {
  cli = new CliHarness();
  const conf = [`user kit on >${PASSWORD} ${aclRule(PREFIX)}`, 'maxmemory 100mb'];
  redis = await RedisProcess.start({ conf });
}

async function close(): Promise<void> {
  await redis[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
}

const url = () => `redis://kit:${PASSWORD}@${redis.address.host}:${redis.address.port}`;
const onExternal = (...args: string[]) => [...args, '--substrate', 'external'];
const env = () => ({ REDIS_URL: url() });

interface Seen {
  readonly atSeconds: number;
  readonly command: string;
  readonly args: readonly string[];
}

function keysOf({ command, args }: Seen): readonly string[] {
  if (command === 'fcall') return args.slice(2, 2 + Number(args[1]));
  return ['mget', 'unlink', 'exists', 'watch'].includes(command) ? args : args.slice(0, 1);
}

/** Records every command that the server accepts from now on. `stop` sends a marker and waits until it is recorded. */
async function watch(
  server = redis,
): Promise<{ readonly seen: readonly Seen[]; readonly stop: () => Promise<void> }> {
  const seen: Seen[] = [];
  const stop = await monitorCommands(server.address, ({ atSeconds, args: [command = '', ...args] }) => {
    seen.push({ atSeconds, command: command.toLowerCase(), args });
  });
  return {
    seen,
    async stop() {
      await server.admin().echo('the end');
      await waitUntil('MONITOR to have reported all commands', () => seen.at(-1)?.command === 'echo');
      seen.pop();
      stop();
    },
  };
}

function textOf(dir: string): string {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((file) => join(dir, file))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

describe('a run of all drills on an external Redis', () => {
  let seen: readonly Seen[];
  let answer: { readonly exitCode: number | null; readonly out: string; readonly err: string };
  let report: Report;

  beforeAll(async () => {
    await open();
    await redis.admin().set('theirs', 'untouched', 'EX', 1_000);
    const watched = await watch();
    answer = await cli
      .start(onExternal('drill', ...ASKED, 'security', '--out', 'run'), { env: env() })
      .waitForExit();
    await watched.stop();
    seen = watched.seen;
    report = cli.readReport('run');
  });
  afterAll(close);

  it('sends only allowlisted commands, on keys under its prefix', async () => {
    expect(seen.length).toBeGreaterThan(1_000);
    const onKeys = seen.filter(({ command }) => !READ_ONLY.has(command));
    const strays = onKeys.filter((each) => keysOf(each).some((key) => !key.startsWith(PREFIX)));
    expect(strays).toEqual([]);
    expect(seen.filter(({ command }) => !ON_KEYS.has(command) && !READ_ONLY.has(command))).toEqual([]);
    expect(await redis.admin().call('ACL', 'LOG')).toEqual([]);
  });

  it('sets a TTL on every key, and leaves no key behind', async () => {
    const withoutExpiry = seen.filter(
      ({ command, args }) =>
        command === 'set' && !args.some((arg) => ['PX', 'EX'].includes(arg.toUpperCase())),
    );
    expect(withoutExpiry).toEqual([]);
    expect(await redis.admin().keys('*')).toEqual(['theirs']);
  });

  it('stays within the load that it announces before the first drill', () => {
    const seconds = Map.groupBy(seen, ({ atSeconds }) => Math.floor(atSeconds));
    const busiest = Math.max(...[...seconds.values()].map(({ length }) => length));
    expect(busiest).toBeLessThanOrEqual(EXTERNAL_LOAD.commandsInBusiestSecond);
    expect(answer.err.indexOf('only keys redis-cache-kit:*')).toBeLessThan(answer.err.indexOf('[1/'));
    expect(report.run.deviations.join()).toContain('only keys redis-cache-kit:*');
  });

  it('completes every drill that can run, and passes its correctness criteria', () => {
    const states = new Map(report.trials.map(({ drill, status }) => [drill, status]));
    expect(ASKED.filter((id) => states.get(id) !== 'completed')).toEqual([]);
    expect(wrong(report.verdict)).toEqual([]);
  });

  it('does not run a drill that only the owner of the server may run, and states the reason', () => {
    expect(report.trials.find(({ drill }) => drill === 'security')?.status).toBe('not-measured');
    expect(report.verdict.criteria.find(({ id }) => id === 'security')).toMatchObject({
      state: 'NOT_MEASURED',
      reason: expect.stringContaining('not run on an external Redis'),
    });
  });

  it('exits with the code of its decision: UNKNOWN, or NO_GO if this machine missed a deadline', () => {
    const { criteria, decision } = report.verdict;
    const slow = criteria.some(({ state }) => state === 'FAIL');
    expect(answer.exitCode, answer.err).toBe(slow ? EXIT.NO_GO : EXIT.UNKNOWN);
    expect(decision).toBe(slow ? 'NO_GO' : 'UNKNOWN');
  });

  it('writes no password to its folder or output, and passes kit verify', async () => {
    expect(answer.out + answer.err + textOf(join(cli.path, 'run'))).not.toContain(PASSWORD);
    expect((await cli.runKit('verify', 'run')).exitCode).toBe(EXIT.GO);
  });
});

describe('a run on an external Redis', () => {
  beforeEach(open);
  afterEach(close);

  it('is a GO when the requested criteria pass, and does not print the password from the command line', async () => {
    const args = onExternal('drill', 'hit-miss', '--url', url(), '--out', 'run');
    const answer = await cli.start(args).waitForExit();
    const { out, err } = answer;
    const report = cli.expectNoFailures(answer, 'run');
    expect(report.verdict.action).toBeNull();
    expect(report.run.argv.join(' ')).toContain('redis://[redacted]@');
    expect(out + err + textOf(join(cli.path, 'run'))).not.toContain(PASSWORD);
  });

  it('connects through sentinels', async () => {
    await using set = await startSentinelSet({ downAfterMs: 10_000 });
    const sentinels = set.sentinels.map(({ address: { host, port } }) => `${host}:${port}`).join(',');
    const args = onExternal(
      'drill',
      'hit-miss',
      'ttl-expiry',
      '--sentinels',
      sentinels,
      '--service-name',
      'mymaster',
      '--out',
      'run',
    );
    cli.expectNoFailures(await cli.start(args).waitForExit(), 'run');
    expect(await set.redis[0].admin().dbsize()).toBe(0);
  });
});

/** The cluster drills, except for two that the tests above cover. */
const OF_CLUSTER = ASKED.filter((id) => !['zipf-100', 'observability'].includes(id));

function seed({ nodes }: ClusterSet, index: number): string {
  const { host, port } = (nodes[index] as RedisProcess).address;
  return `${host}:${port}`;
}

describe('a run on an external Redis Cluster', () => {
  beforeEach(open);
  afterEach(close);

  it('sends only allowlisted commands to each node, on keys under its prefix, and leaves no key', async () => {
    await using cluster = await startCluster({ nodeTimeoutMs: 10_000 });
    for (const node of cluster.nodes) {
      const rule = aclRule(PREFIX, 'cluster').split(' ');
      await node.admin().call('ACL', 'SETUSER', 'kit', 'on', `>${PASSWORD}`, ...rule);
      await node.admin().config('SET', 'maxmemory', '100mb');
    }
    const theirs = await cluster.owner(keySlot('theirs'));
    await theirs.admin().set('theirs', 'untouched', 'EX', 1_000);
    const watches = await Promise.all(cluster.nodes.slice(0, 3).map((node) => watch(node)));
    const { exitCode, out, err } = await cli
      .start(
        onExternal('drill', ...OF_CLUSTER, '--cluster', seed(cluster, 0), '--user', 'kit', '--out', 'run'),
        {
          env: { REDIS_PASSWORD: PASSWORD },
        },
      )
      .waitForExit();
    for (const { stop } of watches) await stop();
    const { verdict, trials } = cli.readReport('run');
    expect(trials.map(({ drill, status }) => [drill, status])).toEqual(
      OF_CLUSTER.map((id) => [id, 'completed']),
    );
    // A busy machine may miss a deadline, but no correctness criterion may fail.
    const decisions = { GO: EXIT.GO, CONDITIONAL_GO: EXIT.GO, UNKNOWN: EXIT.UNKNOWN, NO_GO: EXIT.NO_GO };
    expect(exitCode, out + err).toBe(decisions[verdict.decision]);
    expect(wrong(verdict)).toEqual([]);
    for (const { seen } of watches) {
      const own = seen.filter(({ args: [first = ''], command }) => !BY_ITSELF.has(`${command} ${first}`));
      const onKeys = own.filter(({ command }) => ON_KEYS.has(command));
      expect(onKeys.length).toBeGreaterThan(100);
      expect(onKeys.filter((each) => keysOf(each).some((key) => !key.startsWith(PREFIX)))).toEqual([]);
      const strangers = own.filter(({ command }) => !ON_KEYS.has(command) && !READ_ONLY.has(command));
      expect(strangers).toEqual([]);
    }
    for (const node of cluster.nodes) expect(await node.admin().call('ACL', 'LOG')).toEqual([]);
    const left = await Promise.all(cluster.nodes.slice(0, 3).map((node) => node.admin().keys('*')));
    expect(left.flat()).toEqual(['theirs']);
    expect(out + err + textOf(join(cli.path, 'run'))).not.toContain(PASSWORD);
  });

  it('uses the reachable nodes among the nodes given on the command line', async () => {
    await using cluster = await startCluster({ nodeTimeoutMs: 10_000 });
    const host = '127.62.0.1';
    const gone = `${host}:${await findFreePort(host)}`;
    const args = onExternal('drill', 'hit-miss', '--cluster', `${gone},${seed(cluster, 1)}`, '--out', 'run');
    cli.expectNoFailures(await cli.start(args).waitForExit(), 'run');
  });

  it('removes its keys from every master on Ctrl-C', async () => {
    await using cluster = await startCluster({ nodeTimeoutMs: 10_000 });
    const masters = cluster.nodes.slice(0, 3);
    const sizes = () => Promise.all(masters.map((node) => node.admin().dbsize()));
    const running = cli.start(onExternal('drill', 'batches', '--cluster', seed(cluster, 4), '--out', 'run'));
    await waitUntil('keys of the load on every master', async () =>
      (await sizes()).every((size) => size > 30),
    );
    running.kill('SIGINT');
    const { exitCode, err } = await running.waitForExit();
    expect(exitCode, err).toBe(EXIT.INTERRUPTED);
    expect(await sizes()).toEqual([0, 0, 0]);
  });
});

describe('a run that does not complete', () => {
  beforeEach(open);
  afterEach(close);

  it('removes its keys on Ctrl-C', async () => {
    const running = cli.start(onExternal('drill', 'batches', '--out', 'run'), { env: env() });
    await waitUntil('keys of the load', async () => (await redis.admin().dbsize()) > 100);
    running.kill('SIGINT');
    const { exitCode, err } = await running.waitForExit();
    expect(exitCode, err).toBe(EXIT.INTERRUPTED);
    expect(await redis.admin().dbsize()).toBe(0);
  });

  it('leaves keys behind after SIGKILL, and their TTL removes them', async () => {
    const short = ['--set', 'client.defaultTtlSeconds=2'];
    const running = cli.start(onExternal('drill', 'batches', ...short, '--out', 'run'), { env: env() });
    await waitUntil('keys of the load', async () => (await redis.admin().dbsize()) > 100);
    running.kill('SIGKILL');
    await running.waitForExit();
    const left = await redis.admin().keys('*');
    const ttls = await Promise.all(left.map((key) => redis.admin().pttl(key)));
    expect(ttls.filter((ttl) => ttl === -1 || ttl > 2_000)).toEqual([]);
    await waitUntil('the keys to expire', async () => (await redis.admin().dbsize()) === 0);
  });
});

describe('an impossible request ends with one error and creates no run', () => {
  beforeEach(open);
  afterEach(close);

  it.each([
    ['no address', [], {}, 'EXTERNAL_INVALID', EXIT.USAGE],
    [
      'a remote host without confirmation',
      ['--url', 'redis://192.0.2.1'],
      {},
      'EXTERNAL_UNCONFIRMED',
      EXIT.USAGE,
    ],
    ['an unreachable cluster', ['--cluster', '127.0.0.1:1'], {}, 'EXTERNAL_UNREACHABLE', EXIT.UNKNOWN],
    [
      'an unreachable address',
      [],
      { REDIS_URL: 'redis://127.0.0.1:1' },
      'EXTERNAL_UNREACHABLE',
      EXIT.UNKNOWN,
    ],
  ] as const)('%s', async (_what, args, variables, code, exit) => {
    const answer = await cli
      .start(onExternal('readiness', ...args, '--json'), { env: variables })
      .waitForExit();
    expect(answer.exitCode).toBe(exit);
    expect(JSON.parse(answer.out)).toMatchObject({ error: { code, hint: expect.any(String) } });
    expect(readdirSync(cli.path)).toEqual([]);
  });

  it('rejects a server URL for any other substrate', async () => {
    const answer = await cli.runKit('readiness', '--url', 'redis://127.0.0.1:1', '--json');
    expect(answer.exitCode).toBe(EXIT.USAGE);
    expect(JSON.parse(answer.out)).toMatchObject({
      error: { message: expect.stringContaining('--url requires') },
    });
  });
});

it('every drill for an external Redis stays within the documented rates and key counts', () => {
  for (const { external, workload: asked } of drills) {
    if (external === undefined) continue;
    const workload = workloadByName(asked.name);
    if (workload.kind === 'scripted') continue;
    for (const profile of ['quick', 'full'] as const) {
      const p = resolveParameters(asked.name, workload.defaults, asked.parameters, profile, 'external');
      const rate = (name: string) => p[`${name}PerSecond`] ?? 0;
      const single = rate('gets') + rate('sets') + 2 * rate('getOrComputes') + rate('getManys');
      const commands = single + rate('setManys') * (p.batch ?? 0);
      expect(commands, `${asked.name} ${profile}`).toBeLessThanOrEqual(EXTERNAL_LOAD.commandsPerSecond);
      expect(p.catalogue ?? 0).toBeLessThanOrEqual(EXTERNAL_LOAD.keys);
      expect(p.maxValueBytes ?? 0).toBeLessThanOrEqual(EXTERNAL_LOAD.largestValueBytes);
      if (p.warmUpMs !== undefined) {
        expect(rate('warmSets')).toBeGreaterThan(0);
        expect(rate('warmSets')).toBeLessThanOrEqual(EXTERNAL_LOAD.commandsPerSecond);
      }
    }
  }
});
