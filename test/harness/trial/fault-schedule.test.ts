/** Faults on an environment with a slow kill: an injection that is in progress at the end of a trial is also healed. */
import { expect, it } from 'vitest';
import type { ScheduledFault } from '../../../harness/drills/drill.ts';
import { openClock } from '../../../harness/history/clock.ts';
import type { FaultEvent, HistoryEvent } from '../../../harness/history/events.ts';
import { faultSchedule } from '../../../harness/trial/fault-schedule.ts';
import { pause } from '../../../harness/wait.ts';
import type { Environment, NodeStatus } from '../../../infra/substrates/environment.ts';

const SENTINEL = { downAfterMs: 400, failoverTimeoutMs: 1_000 };
const KILL: ScheduledFault = { fault: 'kill', target: 'master', atMs: 0, heal: { afterMs: 60_000 } };

/** An environment with one node, `redis-1`, and a kill that waits 300 ms before it takes effect. */
function slowEnvironment({ afterKill = () => undefined }: { readonly afterKill?: () => void } = {}) {
  let state: NodeStatus['state'] = 'running';
  const done: string[] = [];
  const asked = Promise.withResolvers<void>();
  const environment: Pick<Environment, 'substrate' | 'capabilities' | 'masterId' | 'status'> & {
    readonly topology: unknown;
  } = {
    substrate: 'local',
    topology: { environment: { sentinel: SENTINEL } },
    masterId: async () => 'redis-1',
    status: async () => [{ id: 'redis-1', address: { host: '127.0.0.1', port: 1 }, state }],
    capabilities: {
      async kill() {
        asked.resolve();
        await pause(300);
        state = 'stopped';
        done.push('killed');
        afterKill();
      },
      async start() {
        state = 'running';
        done.push('started');
      },
    },
  };
  return {
    environment: environment as unknown as Environment,
    done,
    asked: asked.promise,
    state: () => state,
  };
}

function scheduleOn(
  environment: Environment,
  signal: AbortSignal,
  awaitHealthy: () => Promise<void> = async () => undefined,
) {
  const events: FaultEvent[] = [];
  const schedule = faultSchedule({
    environment,
    recorder: {
      path: 'events.jsonl',
      record: (event: HistoryEvent) => {
        if (event.type === 'fault') events.push(event);
      },
      close: async () => undefined,
    },
    clock: openClock(),
    generators: [],
    stragglerMs: 0,
    recoveryBoundMs: 1_000,
    awaitHealthy,
    progress: () => undefined,
    signal,
  });
  return { schedule, phases: () => events.map(({ phase }) => phase) };
}

it('a node is restarted if its kill was in flight when the trial was interrupted', async () => {
  const { environment, done, asked, state } = slowEnvironment();
  const { schedule, phases } = scheduleOn(environment, AbortSignal.timeout(100));
  const running = schedule.run([KILL], openClock().nowUs());
  running.catch(() => undefined);
  await asked;
  await pause(100);
  await schedule.healAll();
  expect(state()).toBe('running');
  expect(done).toEqual(['killed', 'started']);
  expect(phases()).toEqual(['inject', 'injected', 'heal', 'healed']);
  await expect(running).rejects.toThrow();
  await schedule.healAll();
  expect(done).toEqual(['killed', 'started']);
});

it('a node is restarted if it exited even though its kill failed', async () => {
  const { environment, done, state } = slowEnvironment({
    afterKill: () => {
      throw new Error('the end was not observed');
    },
  });
  const { schedule, phases } = scheduleOn(environment, new AbortController().signal);
  await expect(schedule.run([KILL], 0)).rejects.toThrow('the end was not observed');
  await schedule.healAll();
  expect(state()).toBe('running');
  expect(done).toEqual(['killed', 'started']);
  expect(phases()).toEqual(['inject', 'healed']);
});

it('no fault is injected after the trial has ended', async () => {
  const { environment, done } = slowEnvironment();
  const { schedule, phases } = scheduleOn(environment, new AbortController().signal);
  const running = schedule.run([{ ...KILL, atMs: 50 }], openClock().nowUs());
  running.catch(() => undefined);
  await schedule.healAll();
  await expect(running).rejects.toThrow('the trial is over');
  expect(done).toEqual([]);
  expect(phases()).toEqual([]);
});

it('a fault is healed after a share of down-after-milliseconds', async () => {
  const { environment, done } = slowEnvironment();
  const { schedule } = scheduleOn(environment, AbortSignal.timeout(5_000));
  const startedAt = performance.now();
  await schedule.run([{ ...KILL, heal: { shareOfDownAfter: 0.5 } }], openClock().nowUs());
  expect(done).toEqual(['killed', 'started']);
  // 300 ms for the kill, then 200 ms, which is half of down-after-milliseconds.
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(495);
});

/** An environment with three Redis nodes, `redis-1` as the master, and three sentinels; it records kills and starts. */
function wholeEnvironment() {
  const done: string[] = [];
  const redis = ['redis-1', 'redis-2', 'redis-3'].map((id) => ({ id }));
  const sentinels = ['sentinel-1', 'sentinel-2', 'sentinel-3'].map((id) => ({ id }));
  const environment = {
    substrate: 'local',
    topology: { redis, sentinels, environment: { sentinel: SENTINEL } },
    masterId: async () => 'redis-1',
    status: async () =>
      redis.map(({ id }) => ({ id, address: { host: '127.0.0.1', port: 1 }, state: 'running' })),
    capabilities: {
      kill: async (id: string) => void done.push(`kill ${id}`),
      start: async (id: string) => void done.push(`start ${id}`),
    },
  };
  return { environment: environment as unknown as Environment, done };
}

it.each([
  ['replica', ['redis-2']],
  ['all-replicas', ['redis-2', 'redis-3']],
  ['sentinel-2', ['sentinel-2']],
  ['all-nodes', ['redis-1', 'redis-2', 'redis-3', 'sentinel-1', 'sentinel-2', 'sentinel-3']],
] as const)('a fault with the target %s kills and heals each node of the target', async (target, nodes) => {
  const { environment, done } = wholeEnvironment();
  const { schedule } = scheduleOn(environment, AbortSignal.timeout(5_000));
  await schedule.run([{ ...KILL, target, heal: { afterMs: 0 } }], openClock().nowUs());
  expect(done).toEqual([...nodes.map((id) => `kill ${id}`), ...nodes.map((id) => `start ${id}`)]);
});

it('a fault can be healed after all other faults', async () => {
  const { environment, done } = wholeEnvironment();
  const { schedule } = scheduleOn(environment, AbortSignal.timeout(5_000));
  const sentinel: ScheduledFault = { ...KILL, target: 'sentinel-1', heal: { when: 'others-healed' } };
  await schedule.run([sentinel, { ...KILL, atMs: 20, heal: { afterMs: 50 } }], openClock().nowUs());
  expect(done).toEqual(['kill sentinel-1', 'kill redis-1', 'start redis-1', 'start sentinel-1']);
});

it('all nodes of a fault are healed even if the trial ends before the scheduled time', async () => {
  const { environment, done } = wholeEnvironment();
  const { schedule } = scheduleOn(environment, AbortSignal.timeout(5_000));
  const running = schedule.run([{ ...KILL, target: 'all-replicas' }], openClock().nowUs());
  running.catch(() => undefined);
  await pause(50);
  await schedule.healAll();
  expect(done).toEqual(['kill redis-2', 'kill redis-3', 'start redis-2', 'start redis-3']);
  await expect(running).rejects.toThrow('the trial is over');
});

it('a round starts with its own intervals once the previous round is healed and the topology is healthy', async () => {
  const { environment, done } = wholeEnvironment();
  const healthy = async () => void done.push('healthy');
  const { schedule } = scheduleOn(environment, AbortSignal.timeout(30_000), healthy);
  const [first, second] = [
    { ...KILL, round: 1, heal: { afterMs: 2_100 } },
    { ...KILL, round: 2, atMs: 10, heal: { afterMs: 0 } },
  ];
  // Without the delay of the first round, both faults would be due at the same time.
  const replica: ScheduledFault = { ...second, target: 'replica', atMs: 2_000 };
  await schedule.run([first, replica, second], openClock().nowUs());
  expect(done).toEqual([
    ...['kill redis-1', 'start redis-1', 'healthy'],
    ...['kill redis-1', 'start redis-1', 'kill redis-2', 'start redis-2'],
  ]);
});

it('a fault is healed at the given interval after the sentinels report a different master', async () => {
  const { environment, done } = wholeEnvironment();
  let master = 'redis-1';
  const changing = { ...environment, masterId: async () => master } as Environment;
  const { schedule } = scheduleOn(changing, AbortSignal.timeout(5_000));
  const fault: ScheduledFault = { ...KILL, heal: { when: 'succeeded', plusMs: 50 } };
  const running = schedule.run([fault], openClock().nowUs());
  await pause(100);
  expect(done).toEqual(['kill redis-1']);
  master = 'redis-2';
  await running;
  expect(done).toEqual(['kill redis-1', 'start redis-1']);
});
