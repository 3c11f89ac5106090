/**
 * Injects a drill's faults when they are due, and heals each as scheduled. At the end of the trial all remaining faults
 * are healed, including those whose injection is still running or failed after it had taken effect. Intents and
 * observed effects are both recorded in the history.
 */
import { KitError } from '../../config/errors.ts';
import type { Environment } from '../../infra/substrates/environment.ts';
import type { ScheduledFault } from '../drills/drill.ts';
import { findFault } from '../extension/registered.ts';
import { type Injection, runOnce, stateOf } from '../faults/fault.ts';
import type { Clock } from '../history/clock.ts';
import type { FaultEvent } from '../history/events.ts';
import type { Recorder } from '../history/recorder.ts';
import { pause, waitUntil, withTimeout } from '../wait.ts';
import type { GeneratorThread } from '../workloads/generator-thread.ts';
import { type Lag, openLags } from './lag.ts';
import { watchReturn } from './returned-node.ts';
import { resolveTarget } from './target.ts';

/**
 * Maximum duration of an injection, in ms: longer than a planned switchover in which every step reaches its time limit.
 */
const INJECTION_BOUND_MS = 30_000;

export interface FaultScheduleOptions {
  readonly environment: Environment;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly generators: readonly GeneratorThread[];
  /** Time, in ms, to wait for slower clients once the first client writes again. */
  readonly stragglerMs: number;
  /** Maximum wait, in ms, for any client to write again; after that, the fault is healed anyway. */
  readonly recoveryBoundMs: number;
  /** Waits for a healthy topology between two rounds. */
  readonly awaitHealthy: () => Promise<void>;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface FaultSchedule {
  /** Injects and heals every fault as scheduled from `startUs` on. */
  run(faults: readonly ScheduledFault[], startUs: number): Promise<void>;
  /**
   * Stops further injections and heals all remaining faults. Safe to call twice. Throws only after it has tried to heal
   * all faults.
   */
  healAll(): Promise<void>;
}

export function faultSchedule(options: FaultScheduleOptions): FaultSchedule {
  const { clock } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const lags = openLags({ ...options, signal });
  const { injectAll, unhealed } = openInjections({ ...options, signal });

  async function runOne(
    scheduled: ScheduledFault,
    startUs: number,
    others: Promise<unknown> = Promise.resolve(),
  ): Promise<void> {
    const lag = await lags.before(scheduled, startUs);
    await pause(Math.max(0, scheduled.atMs - (clock.nowUs() - startUs) / 1_000), signal);
    const nodes = await injectAll(scheduled, lag);
    await waitForHealTime(scheduled, nodes, { ...options, signal }, others);
    await allSettledOrThrow(
      [...unhealed].filter((open) => open.scheduled === scheduled).map(({ heal }) => heal()),
    );
    const { watchReturnMs: boundMs } = scheduled;
    if (boundMs !== undefined)
      await Promise.all(nodes.map((node) => watchReturn({ ...options, signal }, { node, boundMs })));
  }

  async function runRound(faults: readonly ScheduledFault[], startUs: number): Promise<void> {
    const isLast = ({ heal }: ScheduledFault) => 'when' in heal && heal.when === 'others-healed';
    const others = Promise.all(
      faults.filter((scheduled) => !isLast(scheduled)).map((scheduled) => runOne(scheduled, startUs)),
    );
    const last = faults.filter(isLast).map((scheduled) => runOne(scheduled, startUs, others));
    await Promise.all([others, ...last]);
  }

  return {
    async run(faults, startUs) {
      const rounds = [...Map.groupBy(faults, ({ round = 1 }) => round)].sort(([a], [b]) => a - b);
      for (const [i, [, ofRound]] of rounds.entries()) {
        if (i > 0) await options.awaitHealthy();
        const dueUs = startUs + 1_000 * Math.min(...ofRound.map(({ atMs }) => atMs));
        const lateUs = i > 0 ? Math.max(0, clock.nowUs() - dueUs) : 0;
        await runRound(ofRound, startUs + lateUs);
      }
    },
    async healAll() {
      over.abort(new Error('the trial is over'));
      const healInjection = await Promise.allSettled([...unhealed].map(({ heal }) => heal()));
      // The lags end after the faults have been healed, when a master is reported again.
      const results = [...healInjection, ...(await Promise.allSettled([lags.end()]))];
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  };
}

/**
 * Returns a function that injects faults, together with the set of faults that still have to be healed, including those
 * whose injection never completed.
 */
function openInjections({ environment, recorder, clock, progress, signal }: FaultScheduleOptions) {
  const unhealed = new Set<{ readonly scheduled: ScheduledFault; readonly heal: () => Promise<void> }>();

  const faultEvent = (
    scheduled: ScheduledFault,
    phase: FaultEvent['phase'],
    node?: string,
    detail?: string,
  ) =>
    recorder.record({
      type: 'fault',
      fault: scheduled.fault,
      phase,
      atUs: clock.nowUs(),
      ...placeOf(environment, node),
      ...(detail !== undefined && { detail }),
    });

  /** Injects the fault into its target and returns the affected nodes. */
  async function injectAll(scheduled: ScheduledFault, lag: Lag | undefined): Promise<readonly string[]> {
    const nodes = await resolveTarget(environment, scheduled.target, signal);
    signal.throwIfAborted();
    // If there is no watchdog, the environment is already in the state that the loss of the watchdog would cause.
    if (scheduled.target === 'watchdog' && nodes.length === 0) return nodes;
    progress(`${scheduled.fault} ${nodes.join(', ')}`.trimEnd());
    await lag?.hold();
    const hit: readonly (string | undefined)[] = nodes.length === 0 ? [undefined] : nodes;
    await allSettledOrThrow(hit.map((node) => injectFault(scheduled, node)));
    await lag?.onFault((await stateOf(environment, nodes[0] ?? '')) === 'stopped');
    return nodes;
  }

  async function injectFault(scheduled: ScheduledFault, node: string | undefined): Promise<void> {
    const fault = findFault(scheduled.fault);
    faultEvent(scheduled, 'inject', node);
    const injecting = fault.inject(environment, node ?? '', signal).then((injection) => {
      faultEvent(scheduled, 'injected', node, injection.detail);
      return injection;
    });
    // From now on the fault may take effect, even if its completion is never observed.
    const recordPhase = (phase: FaultEvent['phase'], detail?: string) =>
      faultEvent(scheduled, phase, node, detail);
    const undoFault = async () => (await fault.undo?.(environment, node ?? '')) ?? false;
    const open = { scheduled, heal: runOnce(() => healFault().then(() => void unhealed.delete(open))) };
    const healFault = () => healInjection(injecting, undoFault, recordPhase);
    unhealed.add(open);
    await injecting;
  }

  return { injectAll, unhealed };
}

/** Waits for all promises, so that no work is still running when the first error is thrown. */
async function allSettledOrThrow(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/**
 * Waits until a fault is due to be healed: until its scheduled time, or until its condition is met and a short delay
 * has passed.
 */
async function waitForHealTime(
  { heal, target }: ScheduledFault,
  nodes: readonly string[],
  options: FaultScheduleOptions,
  others: Promise<unknown>,
): Promise<void> {
  const { environment, clock, signal } = options;
  if ('afterMs' in heal) return pause(heal.afterMs, signal);
  if ('shareOfDownAfter' in heal) {
    const { downAfterMs } = environment.topology.environment.sentinel;
    return pause(Math.round(heal.shareOfDownAfter * downAfterMs), signal);
  }
  if (heal.when === 'others-healed') return void (await others);
  if (heal.when === 'succeeded') {
    await awaitOtherMaster(options, nodes);
    return pause(heal.plusMs, signal);
  }
  const injectedUs = clock.nowUs();
  await awaitSuccessor(options, target);
  await awaitWritesAgain(options, environment.cluster === undefined ? injectedUs : clock.nowUs());
  await pause(heal.plusMs, signal);
}

/** Heals the effect of an injection, including the possible effect of an injection that failed. */
async function healInjection(
  injecting: Promise<Injection>,
  undo: () => Promise<boolean>,
  tell: (phase: FaultEvent['phase'], detail?: string) => void,
): Promise<void> {
  const injection = await resultOf(injecting);
  if (injection === undefined) {
    if (await undo()) tell('healed', 'the injection failed after it had taken effect');
    return;
  }
  tell('heal');
  await injection.heal();
  tell('healed');
}

/**
 * Returns the result of an injection; undefined if it failed. An injection that hangs is healed as soon as it ends, if
 * it ever does.
 */
async function resultOf(injecting: Promise<Injection>): Promise<Injection | undefined> {
  try {
    const end = Promise.allSettled([injecting]);
    const [result] = await withTimeout('an injection to end', end, { boundMs: INJECTION_BOUND_MS });
    return result.status === 'fulfilled' ? result.value : undefined;
  } catch (error) {
    void injecting.then(({ heal }) => heal()).catch(() => undefined);
    throw error;
  }
}

/**
 * Waits until every client has an acknowledged write that was intended after the fault. Also returns once one client
 * has such a write and the time allowed for the other clients has passed, or at the time limit. A client that never
 * recovers must not block the trial: the closing phase records it.
 */
async function awaitWritesAgain(options: FaultScheduleOptions, injectedUs: number): Promise<void> {
  const { generators, stragglerMs, recoveryBoundMs, progress } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const again = generators.map(async (generator) => {
    await generator.recoveredAfter(injectedUs);
    progress(`${generator.client} writes again`);
  });
  const waits = [
    Promise.all(again),
    Promise.any(again).then(() => pause(stragglerMs, signal)),
    pause(recoveryBoundMs, signal),
  ];
  try {
    await Promise.race(waits);
  } finally {
    over.abort();
    for (const wait of [...waits, ...again]) wait.catch(() => undefined);
  }
}

/**
 * Waits until the target's shard has a master that replies. In a cluster, clients write to the other shards without
 * interruption, so their writes prove nothing. At the time limit the fault is healed anyway.
 */
async function awaitSuccessor(
  { environment, signal, recoveryBoundMs }: FaultScheduleOptions,
  target: ScheduledFault['target'],
): Promise<void> {
  const { cluster, topology } = environment;
  if (cluster === undefined || target !== 'master') return;
  const allShardsServed = async () =>
    (await cluster.shards()).length === topology.environment.topology.masters;
  const bound = { boundMs: recoveryBoundMs, signal };
  await untilBound(waitUntil('every shard to have a master again', allShardsServed, bound), signal);
}

/** Waits until the sentinels report a master other than these nodes. At the time limit the fault is healed anyway. */
async function awaitOtherMaster(
  { environment, signal, recoveryBoundMs }: FaultScheduleOptions,
  nodes: readonly string[],
): Promise<void> {
  const isSucceeded = async () => {
    const master = await environment.masterId();
    return master !== undefined && !nodes.includes(master);
  };
  await untilBound(waitUntil('another master', isSucceeded, { boundMs: recoveryBoundMs, signal }), signal);
}

/** Waits, and ignores a timeout, because later steps report what is missing. */
async function untilBound(wait: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await wait.catch((error: unknown) => {
    if (signal.aborted || !(error instanceof KitError)) throw error;
  });
}

/** Returns the node and, in a cluster, its shard. */
function placeOf(
  { cluster, topology }: Environment,
  node: string | undefined,
): Pick<FaultEvent, 'node' | 'shard'> {
  if (node === undefined || cluster === undefined) return node === undefined ? {} : { node };
  const shard = topology.redis.find(({ id }) => id === node)?.shard?.master;
  return { node, ...(shard !== undefined && { shard }) };
}
