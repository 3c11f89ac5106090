/**
 * The part of a trial in which load runs: generators, faults and their healing, closing phase, final read. Every
 * generator runs in its own thread.
 */

import { clientSettingsOf } from '../../config/schema.ts';
import type { ClientEndpoints } from '../../infra/substrates/environment.ts';
import { partSource } from '../extension/registered.ts';
import { pause, withTimeout } from '../wait.ts';
import { clientSpec } from '../workloads/adapter.ts';
import type { GeneratedWorkload } from '../workloads/generated.ts';
import { GeneratorThread } from '../workloads/generator-thread.ts';
import type { WrittenKey } from '../workloads/issuer.ts';
import { closeClient } from './closing.ts';
import type { TrialContext } from './context.ts';
import { type FaultSchedule, faultSchedule } from './fault-schedule.ts';
import { expiriesOf, readAllNodes, removeKeysOrReport } from './final-read.ts';
import { awaitHealthy, awaitReplication, CAUGHT_UP_BOUND_MS } from './health.ts';
import { openProxiedEnvironment } from './proxied-environment.ts';

/**
 * Maximum number of operations in flight. Above this limit, an operation is not sent but is recorded as failed. The
 * number corresponds to 25 s without a reply from Redis at 200 operations per second.
 */
const IN_FLIGHT_BOUND = 5_000;
/**
 * Time limit per client, in ms, for all clients to become ready. This limit is multiplied by the number of clients, or
 * by two if there is only one client; each client starts two threads.
 */
const READY_BOUND_MS = 7_500;
/** Delay, in ms, after which all generators start together, so that each has received the message. */
const START_DELAY_MS = 50;
/** Time, in ms, for answers that are in flight when the load ends; longer than the deadline of a command (1 s). */
const DRAIN_MS = 1_500;
/** Like `DRAIN_MS`, for the case in which the result is no longer needed. */
const EARLY_DRAIN_MS = 300;
const HEALTHY_BOUND_MS = 30_000;
/**
 * Number of keys per client whose expiry is read on an external Redis. Each key takes one command, which keeps the load
 * within the announced limit.
 */
const SHARED_EXPIRIES = 200;
const RECOVERY_BOUND_MS = 30_000;

/** Context of a trial in which each client reaches the master through the fault proxy, or directly. */
interface LoadContext extends TrialContext {
  endpointsOf(client: string): ClientEndpoints;
}

export async function runLoad(context: TrialContext, workload: GeneratedWorkload): Promise<void> {
  const { proxied = false } = context.drill;
  const { endpoints } = context.environment;
  if (proxied === false) return runGenerators({ ...context, endpointsOf: () => endpoints }, workload);
  const behind = await openProxiedEnvironment(context.environment, context.signal);
  try {
    const { environment } = behind;
    const endpointsOf = (client: string) =>
      proxied === true || proxied.includes(client) ? environment.endpoints : endpoints;
    await runGenerators({ ...context, environment, endpointsOf }, workload);
  } finally {
    await behind[Symbol.asyncDispose]();
  }
}

async function runGenerators(context: LoadContext, workload: GeneratedWorkload): Promise<void> {
  const { drill, clock } = context;
  const generators: GeneratorThread[] = [];
  let removed = false;
  let faults: FaultSchedule | undefined;
  try {
    // 1. Generators connect and prepare.
    for (const client of drill.clients) generators.push(startGenerator(context, workload, client));
    const watched = failFastWait(generators, context);
    const askAll = <T>(ask: (generator: GeneratorThread) => Promise<T>) => Promise.all(generators.map(ask));
    const ready = await watched(
      'the generators to be ready',
      askAll((generator) => generator.ready),
      READY_BOUND_MS * Math.max(2, generators.length),
    );
    for (const { threads } of ready) context.machine.watch(threads);

    // 2. Load begins, on one schedule.
    const startUs = clock.nowUs() + START_DELAY_MS * 1_000;
    for (const generator of generators) generator.go(startUs);

    if (drill.faults.length === 0) {
      // 3a. Without faults: the workload runs to its own end.
      await watched(
        'the workload to end',
        askAll(({ finished }) => finished),
      );
    } else {
      // 3b. Faults are injected and healed; the load continues after the recovery, until the topology is healthy.
      faults = scheduleOf(context, generators);
      await watched('the faults and their heals', faults.run(drill.faults, startUs));
      await watched('a healthy topology', awaitRecovery(context));
    }

    // 4. The closing phase checks whether Redis serves each client, now that the topology is healthy.
    await watched(
      'the closing phase',
      askAll((generator) => closeGenerator(context, generator)),
    );

    // 5. Load ends.
    const written = await watched(
      'the generators to stop',
      askAll((generator) => generator.stop(DRAIN_MS)),
    );

    // 6. The nodes are read directly, and the keys are removed.
    for (const [i, { client }] of generators.entries())
      await recordExpiries(context, client, written[i] ?? []);
    await readAndRemove(context, workload, written.flat());
    removed = true;
  } finally {
    try {
      await faults?.healAll();
      if (!removed) await removeEarly(context, generators);
    } finally {
      await Promise.all(generators.map((generator) => generator.terminate()));
    }
  }
}

/** Removes all written keys that the generators can still report after the trial has ended early. */
async function removeEarly(context: TrialContext, generators: readonly GeneratorThread[]): Promise<void> {
  const written = await Promise.all(
    generators.map((generator) => generator.stop(EARLY_DRAIN_MS).catch(() => [])),
  );
  await removeKeysOrReport(context, written.flat());
}

function startGenerator(context: LoadContext, workload: GeneratedWorkload, client: string): GeneratorThread {
  const { environment, clock, seed, parameters, tag } = context;
  const config = environment.topology.environment;
  const spec = clientSpec(
    client,
    context.endpointsOf(client),
    clientSettingsOf(config),
    context.clientModule,
  );
  const ownClient = partSource('clients', client);
  const ownWorkload = partSource('workloads', workload.name);
  return new GeneratorThread({
    workload: workload.name,
    ...(ownWorkload && { extension: ownWorkload }),
    spec: { ...spec, ...(ownClient && { extension: ownClient }) },
    durableWrites: config.durability.durableWrites,
    parameters,
    seed,
    tag: `${tag}-${client}`,
    originNs: clock.originNs,
    historyPath: context.historyPath(client),
    inFlightBound: IN_FLIGHT_BOUND,
  });
}

async function closeGenerator(context: TrialContext, generator: GeneratorThread): Promise<void> {
  await closeClient(
    {
      client: generator.client,
      subject: generator.client,
      write: (round) => generator.closeWrite(round),
      read: (names) => generator.closeRead(names),
    },
    context,
  );
}

function scheduleOf(context: TrialContext, generators: readonly GeneratorThread[]): FaultSchedule {
  const { parameters } = context;
  return faultSchedule({
    ...context,
    generators,
    stragglerMs: parameters.stragglerMs ?? 0,
    recoveryBoundMs: RECOVERY_BOUND_MS,
    awaitHealthy: () => awaitRecovery(context),
  });
}

/** Waits for the recovery while the load continues, because a node that has rejoined can do harm only under load. */
async function awaitRecovery({
  environment,
  recorder,
  clock,
  signal,
  progress,
  parameters,
}: TrialContext): Promise<void> {
  await pause(parameters.afterHealMs ?? 0, signal);
  await awaitHealthy(environment, {
    signal,
    settleMs: parameters.settleMs ?? 0,
    boundMs: HEALTHY_BOUND_MS,
    onFenced: (node) => {
      progress(`${node} made a replica`);
      recorder.record({ type: 'observe', from: 'drill', name: 'fenced', node, atUs: clock.nowUs() });
    },
  });
}

/** Records the expiries of a client's cache entries. Counters and appended texts have no expiry. */
async function recordExpiries(
  { environment, recorder, clock }: TrialContext,
  client: string,
  written: readonly WrittenKey[],
): Promise<void> {
  const entries = written.filter(({ encoding }) => encoding === 'envelope');
  if (entries.length === 0) return;
  const step = environment.substrate === 'external' ? Math.ceil(entries.length / SHARED_EXPIRIES) : 1;
  const expiries = await expiriesOf(
    environment,
    entries.filter((_, i) => i % step === 0),
  );
  const without = [...expiries].filter(([, ttlMs]) => ttlMs < 0).map(([key]) => key);
  recorder.record({
    ...{ type: 'observe', from: 'workload', name: 'expiries', client, atUs: clock.nowUs() },
    data: {
      ...{ keys: expiries.size, without: without.length },
      ...(without[0] !== undefined && { example: without[0] }),
    },
  });
}

async function readAndRemove(
  context: TrialContext,
  workload: GeneratedWorkload,
  written: readonly WrittenKey[],
): Promise<void> {
  const { environment, signal } = context;
  if (workload.finalRead) {
    await awaitReplication(environment, { signal, boundMs: CAUGHT_UP_BOUND_MS });
    await readAllNodes(environment, written, context);
  }
  await removeKeysOrReport(context, written);
}

/** Returns a wait function that also ends when a generator fails; by default it waits as long as the drill may take. */
function failFastWait(generators: readonly GeneratorThread[], { signal, drill }: TrialContext) {
  const anyFailed = Promise.race(generators.map(({ failed }) => failed));
  anyFailed.catch(() => undefined);
  return <T>(what: string, promise: Promise<T>, boundMs = drill.boundMs): Promise<T> =>
    withTimeout(what, Promise.race([promise, anyFailed]), { boundMs, signal });
}
