/** Complete trials on a real `dev` environment: clients in threads, faults on processes, a final read of all nodes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadEnvironment } from '../../config/load.ts';
import type { Checker } from '../../harness/checkers/checker.ts';
import { doubleApplies } from '../../harness/checkers/double-applies.ts';
import { failovers } from '../../harness/checkers/failovers.ts';
import { lostWrites } from '../../harness/checkers/lost-writes.ts';
import { recovery } from '../../harness/checkers/recovery.ts';
import { CLIENT_NAMES } from '../../harness/drills/clients.ts';
import type { Drill } from '../../harness/drills/drill.ts';
import { drills } from '../../harness/drills/index.ts';
import { openClock } from '../../harness/history/clock.ts';
import { parseHistory } from '../../harness/history/parse.ts';
import { requiredExpectations } from '../../harness/judge/obligations.ts';
import { formatMs } from '../../harness/reports/wording.ts';
import { openMachineWatch } from '../../harness/samplers/machine/index.ts';
import type { TrialRequest } from '../../harness/trial/context.ts';
import { runTrial } from '../../harness/trial/index.ts';
import { lagReplicas } from '../../harness/trial/lag.ts';
import { openProxiedEnvironment } from '../../harness/trial/proxied-environment.ts';
import { clientSpec } from '../../harness/workloads/adapter.ts';
import { ADAPTERS } from '../../harness/workloads/adapters.ts';
import { findFakeTime } from '../../harness/workloads/calls/stepped-clock.ts';
import { loadClient } from '../../harness/workloads/client-module.ts';
import { settleRoles } from '../../infra/operations/roles.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import { localSubstrate } from '../../infra/substrates/local/substrate.ts';
import { planTopology } from '../../infra/topology.ts';
import { PATIENT_LIMITS } from '../support/patient-limits.ts';
import { waitUntil } from '../support/redis-process.ts';
import { drillNamed, unmetExpectations, withMembers } from './trial/builders.ts';

let root: string;
let dir: string;
let environment: Environment;
const clock = openClock();
const machine = openMachineWatch();
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trial-'));
  const topology = planTopology(loadEnvironment('dev'));
  environment = await localSubstrate({ stateDir: join(root, 'state') }).apply(topology, { ephemeral: true });
});
beforeEach(() => {
  dir = mkdtempSync(join(root, 'run-'));
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
  await environment?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});
const trialOf = (drill: Drill, more: Partial<TrialRequest> = {}) =>
  runTrial({ drill, trial: 1, environment, dir, machine, seed: 1, clock, profile: 'quick', ...more });
const historyOf = (paths: readonly string[], folder = dir) =>
  parseHistory(paths.map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))).history;
const keysBack = (before: number) =>
  waitUntil('the keys of the trial to be removed', async () => (await masterKeys()) <= before);
const masterKeys = async () => (await environment.admin(await settleRoles(environment))).dbsize();
const environmentWith = (changes: Partial<Environment>) => withMembers(environment, changes);
const states = async () => (await environment.status()).map(({ state }) => state);

describe('integration drills', () => {
  // The run records a drill that spans it around the other trials; `trial/rehearsal.test.ts` runs the rehearsal.
  const isTried = ({ spansRun, profile }: Drill) => spansRun !== true && profile !== 'rehearsal';
  const integration = drills.filter((drill) => drill.family === 'integration' && isTried(drill));
  const isMissing = ({ needsProgram }: Drill) => needsProgram !== undefined && findFakeTime() === undefined;
  const titleOf = (drill: Drill) =>
    isMissing(drill) ? `${drill.id} [skipped: ${drill.needsProgram} is not installed]` : drill.id;
  it.for(integration.map((drill) => [titleOf(drill), drill] as const))(
    '%s passes on a healthy environment dev',
    async ([, drill], { skip }) => {
      skip(isMissing(drill));
      const before = await masterKeys();
      const record = await trialOf(drill);
      expect({ reason: '', ...record }).toMatchObject({ reason: '', status: 'completed', clients: ['kit'] });
      const history = historyOf(record.files);
      const { expectations } = history;
      const place = { environment: environment.topology.environment, substrate: 'local' };
      expect(expectations.map(({ id }) => id).toSorted()).toEqual(
        requiredExpectations(drill, place).toSorted(),
      );
      expect(unmetExpectations(drill, history)).toEqual([]);
      expect(new Set(expectations.map(({ id }) => id)).size).toBe(expectations.length);
      await keysBack(before);
    },
  );
});

describe('a failover drill', () => {
  const config = loadEnvironment('dev');
  const context = { environment: config, drill: 'master-crash', client: 'kit' };
  const progress: string[] = [];
  let folder: string;
  let record: Awaited<ReturnType<typeof trialOf>>;
  let history: ReturnType<typeof historyOf>;

  beforeAll(async () => {
    folder = mkdtempSync(join(root, 'failover-'));
    const drill = drillNamed('master-crash');
    const [fault] = drill.faults;
    record = await trialOf(
      // On a busy machine, it takes several seconds until the replicas lag.
      { ...drill, faults: fault ? [{ ...fault, lag: { fromMs: 200, latencyMs: 150 }, atMs: 6_000 }] : [] },
      { dir: folder, progress: (line) => progress.push(line) },
    );
    history = historyOf(record.files, folder);
  });

  it('runs both clients, each with its own history', () => {
    expect(record).toMatchObject({ status: 'completed', clients: ['kit', 'ioredis'] });
    expect(record.files.map((file) => file.split('/').at(-1))).toEqual([
      'events.jsonl',
      'machine.jsonl',
      'kit.jsonl',
      'ioredis.jsonl',
    ]);
  });

  it('records the injection and healing of the fault, and every kind of observation', () => {
    expect(history.faults.map(({ phase }) => phase)).toEqual(['inject', 'injected', 'heal', 'healed']);
    const seen = new Set(history.observations.map(({ from, name }) => `${from} ${name}`));
    for (const name of ['sentinel +switch-master', 'info sample', 'process sample', 'workload closing']) {
      expect(seen).toContain(name);
    }
  });

  it('loses async writes while the replicas lag, but no durable write from the same period', () => {
    expect(history.observations.filter(({ name }) => name === 'lag').map(({ data }) => data?.phase)).toEqual([
      'on',
      'off',
    ]);
    const { figures } = lostWrites.check(history, context);
    expect(figures.asyncLost).not.toMatchObject({ value: 0 });
    expect(figures.durableExposedLost).toMatchObject({ value: 0 });
    expect(figures.durableExposedLost?.n).toBeGreaterThan(0);
  });

  it('reads one master and two replicas after the fault is healed', () => {
    const roles = new Map(history.finals.map(({ node, redisRole }) => [node, redisRole]));
    expect([...roles.values()].toSorted()).toEqual(['master', 'replica', 'replica']);
  });

  it('prints the recovery time and the write gap of the client, and no other duration', () => {
    const gap = recovery.check(history, context).figures.writeGapMs;
    if (gap?.kind !== 'value') throw new Error('the drill must measure a write gap');
    expect(progress).toContain('kit writes again');
    expect(progress).toContain(`kit: write gap ${formatMs(gap.value)}`);
    const durations = progress.filter((line) => / ms\b| s$/.test(line));
    expect(durations.every((line) => line.includes('write gap'))).toBe(true);
  });

  it('leaves all nodes running, and no keys behind', async () => {
    expect(await states()).toEqual(['running', 'running', 'running', 'running', 'running', 'running']);
    await keysBack(0);
  });

  it('writes no password into its histories', () => {
    const { app, sentinel } = environment.endpoints;
    for (const { password } of [app, sentinel]) {
      for (const file of record.files) {
        expect(readFileSync(join(folder, file), 'utf8')).not.toContain(password.reveal());
      }
    }
  });
});

describe('lost replies', () => {
  it('lead to writes that the kit applies once and the ioredis client twice, without a failover', async () => {
    const drill = drillNamed('replies-lost');
    const record = await trialOf({ ...drill, faults: drill.faults.slice(0, 1) });
    expect(record).toMatchObject({ status: 'completed' });
    const history = historyOf(record.files);
    const figures = (checker: Checker, client: 'kit' | 'ioredis') =>
      checker.check(history, { environment: loadEnvironment('dev'), drill: drill.id, client }).figures;
    const ours = figures(doubleApplies, 'kit');
    expect(ours.exposedDoubleApplied).toMatchObject({ value: 0 });
    expect(ours.exposedDoubleApplied?.n).toBeGreaterThanOrEqual(5);
    expect(ours.lostAnswersUnknown?.n).toBeGreaterThanOrEqual(1);
    expect(ours.failedButApplied).toMatchObject({ value: 0 });
    expect(figures(doubleApplies, 'ioredis').doubleApplied).not.toMatchObject({ value: 0 });
    expect(figures(failovers, 'kit').failovers).toMatchObject({ value: 0 });
    await keysBack(0);
  });

  it('need a proxy; without one, injecting the fault fails and changes nothing', async () => {
    const record = await trialOf({ ...drillNamed('replies-lost'), proxied: false });
    expect(record).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining("set 'proxied' in the drill"),
    });
  });

  it('affect only the node behind the proxy', async () => {
    await using behind = await openProxiedEnvironment(environment);
    const master = await environment.masterId();
    const other = environment.topology.redis.find(({ id }) => id !== master)?.id ?? '';
    await expect(behind.environment.capabilities.dropReplies?.(other)).rejects.toThrow(/not to redis-/);
    expect(await behind.environment.masterId()).toBe(master);
  });
});

describe('lagging replicas', () => {
  it('receive writes only after the latency, receive nothing while held, and catch up at the end', async () => {
    const masterId = await settleRoles(environment);
    const master = await environment.admin(masterId);
    const replicas = environment.topology.redis.map(({ id }) => id).filter((id) => id !== masterId);
    const seenBy = async (key: string) =>
      Promise.all(replicas.map(async (id) => (await environment.admin(id)).exists(key)));
    const lag = await lagReplicas(environment, { latencyMs: 300, signal: AbortSignal.timeout(60_000) });
    try {
      const writtenAt = performance.now();
      await master.set('lag:1', 'v', 'EX', 60);
      await waitUntil('lag:1 on all replicas', async () => (await seenBy('lag:1')).every((n) => n === 1));
      expect(performance.now() - writtenAt).toBeGreaterThanOrEqual(290);
      await lag.hold();
      await master.set('lag:2', 'v', 'EX', 60);
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(await seenBy('lag:2')).toEqual([0, 0]);
    } finally {
      await lag.end();
      await lag.end();
    }
    await waitUntil('the replicas to catch up', async () => (await seenBy('lag:2')).every((n) => n === 1));
    expect(await environment.masterId()).toBe(masterId);
    await master.unlink('lag:1', 'lag:2');
  });

  it('are optional for a fault: if they cannot lag, the trial reports that and continues', async () => {
    const drill = drillNamed('master-hang');
    const [fault] = drill.faults;
    const said: string[] = [];
    // The address belongs to another machine, so no process on this machine can listen on it.
    const record = await trialOf(
      {
        ...drill,
        clients: ['kit'],
        workload: { ...drill.workload, parameters: { afterHealMs: 100 } },
        faults: fault ? [{ ...fault, atMs: 300, heal: { afterMs: 200 } }] : [],
      },
      { environment: environmentWith({ gateway: '192.0.2.1' }), progress: (line) => said.push(line) },
    );
    expect(record).toMatchObject({ status: 'completed' });
    expect(said.join()).toMatch(/cannot delay replication/);
    expect(historyOf(record.files).observations.filter(({ name }) => name === 'lag')).toEqual([]);
  });
});

describe('a deposed master', () => {
  it('becomes a replica after a hang, before the nodes are read, even without a watchdog', async () => {
    const drill = drillNamed('master-hang');
    const resume = await environment.capabilities.pause?.('watchdog');
    const record = await trialOf({
      ...drill,
      workload: { ...drill.workload, parameters: { stragglerMs: 200, afterHealMs: 500, settleMs: 500 } },
      faults: drill.faults.map((fault) => ({ ...fault, atMs: 300 })),
    });
    await resume?.();
    expect(record).toMatchObject({ status: 'completed' });
    const history = historyOf(record.files);
    const paused = history.faults[0]?.node;
    expect(history.observations.filter(({ name }) => name === 'fenced')).toMatchObject([{ node: paused }]);
    const finalRoles = new Set(history.finals.map(({ node, redisRole }) => `${node} ${redisRole}`));
    expect(finalRoles).toContain(`${paused} replica`);
    expect(finalRoles.size).toBe(3);
  });

  it('is a replica after a planned switchover', async () => {
    const drill = drillNamed('planned-switch');
    const record = await trialOf({
      ...drill,
      workload: { ...drill.workload, parameters: { stragglerMs: 100, afterHealMs: 100 } },
      faults: drill.faults.map((fault) => ({ ...fault, atMs: 300 })),
    });
    expect(record).toMatchObject({ status: 'completed' });
    const history = historyOf(record.files);
    expect(history.observations.filter(({ name }) => name === 'fenced')).toEqual([]);
    expect(history.faults[1]?.detail).toMatch(/^redis-\d to redis-\d in \d+ ms$/);
  });
});

describe.each(CLIENT_NAMES.filter((name) => name !== 'glide'))('the adapter for %s', (client) => {
  it('finds the master through the sentinels', async () => {
    const config = environment.topology.environment;
    const events: string[] = [];
    const spec = clientSpec(client, environment.endpoints, { ...config.client, ...PATIENT_LIMITS });
    const adapter = await ADAPTERS[client](spec, (name) => events.push(name), await loadClient(spec));
    try {
      await adapter.ready();
      expect(await adapter.set('adapter', 'value', 'async')).toMatchObject({ source: 'redis' });
      const master = await environment.admin(await settleRoles(environment));
      expect(await master.unlink(adapter.physicalKey('adapter'))).toBe(1);
      // The sentinel client of node-redis does not emit this event.
      if (!client.startsWith('node-redis')) expect(events).toContain('ready');
    } finally {
      await adapter.close();
    }
  });
});

describe('an incomplete trial', () => {
  const stuck = drillNamed('master-hang', {
    faults: [{ fault: 'pause', target: 'replica', atMs: 0, heal: { afterMs: 60_000 } }],
  });

  it('is not measured after its time limit, and its fault is healed', async () => {
    // Long enough on a busy machine for the generators to become ready and for the fault to take effect.
    const record = await trialOf({ ...stuck, boundMs: 10_000 });
    expect(record).toMatchObject({
      status: 'not-measured',
      reason: 'timed out after 10000 ms, the time limit of the drill',
    });
    expect(await states()).not.toContain('paused');
    expect(historyOf(record.files).faults.map(({ phase }) => phase)).toContain('healed');
  });

  it('is not measured after an abort, and its fault is healed', async () => {
    const controller = new AbortController();
    const running = trialOf(stuck, {
      signal: controller.signal,
      progress: (line) => line.startsWith('pause') && setTimeout(() => controller.abort(), 100),
    });
    expect(await running).toMatchObject({ status: 'not-measured', reason: 'interrupted' });
    expect(await states()).not.toContain('paused');
    expect(await trialOf(stuck, { trial: 2, signal: controller.signal })).toMatchObject({
      reason: 'interrupted',
    });
  });

  it('fails if a fault cannot be injected', async () => {
    const drill = drillNamed('master-hang', {
      faults: [{ fault: 'pause', target: 'sentinel-1', atMs: 0, heal: { afterMs: 10 } }],
    });
    const capabilities = {
      pause: async () => {
        throw new Error('no such process');
      },
    };
    expect(await trialOf(drill, { environment: environmentWith({ capabilities }) })).toMatchObject({
      status: 'failed',
      reason: 'no such process',
    });
  });

  it('fails if its history cannot be written', async () => {
    writeFileSync(join(dir, 'trials'), 'a file where the folder should be');
    const record = await trialOf(drillNamed('hit-miss'));
    expect(record).toMatchObject({ status: 'failed', files: [] });
    expect(record.reason).toContain('cannot write the history');
  });

  it('fails if its generator fails', async () => {
    const drill = drillNamed('zipf-100', { workload: { name: 'zipf-100', parameters: { catalogue: -1 } } });
    const record = await trialOf(drill);
    expect(record).toMatchObject({ status: 'failed' });
    expect(record.reason).toContain('generator of kit');
  });
});

describe('a trial that is not measured', () => {
  it('needs a capability that the substrate does not have', async () => {
    const external = environmentWith({ capabilities: {} });
    expect(await trialOf(drillNamed('master-crash'), { environment: external })).toMatchObject({
      status: 'not-measured',
      reason: 'the local substrate cannot kill, start',
      files: [],
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('runs on an unhealthy topology', async () => {
    const master = await environment.masterId();
    const id = environment.topology.redis.find((node) => node.id !== master)?.id ?? '';
    const split = environmentWith({
      admin: async (nodeId) => {
        if (nodeId === id) throw new Error(`${id} does not answer`);
        return environment.admin(nodeId);
      },
    });
    expect(await trialOf(drillNamed('hit-miss'), { environment: split })).toMatchObject({
      status: 'not-measured',
      reason: `environment not healthy within 15 s before the trial: ${id} does not answer`,
      files: [],
    });
    const interrupted = await trialOf(drillNamed('hit-miss'), {
      environment: split,
      signal: AbortSignal.timeout(100),
    });
    expect(interrupted).toMatchObject({ status: 'not-measured', reason: 'interrupted' });
  });

  it('runs on a topology that the drill excludes', async () => {
    const record = await trialOf(drillNamed('replication', { topologies: ['single'] }));
    expect(record).toMatchObject({
      status: 'not-measured',
      reason: 'requires the topology single; this environment is sentinel',
    });
  });
});
