/**
 * Controls the nodes of one environment for this process: launches, ends and pauses them, and reads their recorded
 * state. Used by the start of an environment (`start-environment.ts`) and its handle (`environment.ts`).
 */
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { continueAtExit, endAtExit } from '../../host/exit-hooks.ts';
import type { Daemon } from '../../host/process.ts';
import {
  awaitState,
  isAlive,
  type ProcessIdentity,
  signalProcess,
  stateOf,
} from '../../host/process-identity.ts';
import { AdminConnections } from '../../redis/admin.ts';
import { nodesOf, type TopologyNode, WATCHDOG_ID } from '../../topology.ts';
import type { Heal, NodeStatus, WatchdogStatus } from '../environment.ts';
import { watchdogHost } from './addresses.ts';
import { awaitAnswer, type HealthContext } from './health.ts';
import { type Launched, launchRedis, launchSentinel } from './launch.ts';
import { ledgerPath, readLedger, updateLedger } from './ledger.ts';
import { addressOf, type LocalContext, nodeOf } from './local-context.ts';
import type { Running } from './master-resolution.ts';
import { launchObservability } from './observability.ts';
import type { ObservabilityPrograms } from './observability-programs.ts';
import { separate } from './packet-filter.ts';
import { launchWatchdog } from './watchdog.ts';

/**
 * Timeout for the effect of a signal, in ms. The kernel handles SIGKILL and SIGSTOP immediately, but on a busy machine
 * it may take a moment until the effect is visible.
 */
const SIGNAL_TIMEOUT_MS = 5_000;
const SIGNAL_AGAIN_MS = 1_000;
/** Timeout for a shutdown, in ms: longer than Redis waits for its replicas before it exits (shutdown-timeout, 10 s). */
const SHUTDOWN_TIMEOUT_MS = 20_000;

export class LocalNodes implements Running, AsyncDisposable {
  readonly context: LocalContext;
  readonly admin: AdminConnections;
  readonly deviations = new Set<string>();
  /** Whether nodes that this process starts end together with it. */
  #ephemeral: boolean;
  readonly #heals = new Set<Heal>();
  /** Functions that cancel the exit handlers of the nodes launched so far. */
  readonly #spares = new Set<() => void>();

  constructor(context: LocalContext, ephemeral: boolean) {
    this.context = context;
    this.#ephemeral = ephemeral;
    this.admin = new AdminConnections((nodeId) => ({
      address: addressOf(context, nodeId),
      password: (nodeOf(context, nodeId).role === 'redis' ? context.secrets.redis : context.secrets.sentinel)
        .admin,
      ca: context.tls?.material.ca,
    }));
  }

  get name(): string {
    return this.context.topology.environment.name;
  }

  processes(): ReadonlyMap<string, ProcessIdentity> {
    return new Map(Object.entries(readLedger(ledgerPath(this.context.stateDir, this.name))?.processes ?? {}));
  }

  health(signal?: AbortSignal): HealthContext {
    return { context: this.context, admin: this.admin, processes: this.processes(), signal };
  }

  /**
   * Launches a node: a Redis node as a replica of `masterId` (or as the master, if `masterId` is the node itself), or a
   * sentinel that monitors `masterId`.
   */
  async launch(node: TopologyNode, masterId: string): Promise<void> {
    this.admin.drop(node.id);
    const launched = await this.#launch(node, masterId);
    for (const deviation of launched.deviations) this.deviations.add(deviation);
    if (this.#ephemeral) this.#spares.add(endAtExit(launched.daemon));
  }

  /** Launches the watchdog of the environment, if it has one that is not running. */
  async launchWatchdog(): Promise<void> {
    const { watchdog } = this.context.topology;
    if (watchdog === undefined) return;
    const recorded = this.processes().get(watchdog.id);
    if (recorded !== undefined && (await isAlive(recorded))) return;
    const { daemon } = await launchWatchdog(this.context);
    if (this.#ephemeral) this.#spares.add(endAtExit(daemon));
  }

  /** Launches Prometheus and its parts, except those that are already running. */
  launchObservability(programs: ObservabilityPrograms, signal?: AbortSignal): Promise<void> {
    const onLaunch = (daemon: Daemon): void => {
      if (this.#ephemeral) this.#spares.add(endAtExit(daemon));
    };
    return launchObservability({
      context: this.context,
      programs,
      processes: this.processes(),
      onLaunch,
      signal,
    });
  }

  #launch(node: TopologyNode, masterId: string): Promise<Launched> {
    const master = addressOf(this.context, masterId);
    if (node.role === 'sentinel') return launchSentinel(this.context, node, master);
    return launchRedis(this.context, node, node.id === masterId ? undefined : master);
  }

  /** Sends SIGKILL and waits for its effect. */
  kill(nodeId: string): Promise<void> {
    return this.#end(nodeId, 'SIGKILL', SIGNAL_TIMEOUT_MS);
  }

  /** Sends SIGTERM and waits until the node has written its data and exited. */
  stop(nodeId: string): Promise<void> {
    return this.#end(nodeId, 'SIGTERM', SHUTDOWN_TIMEOUT_MS);
  }

  /**
   * Stops a node. It is an error if the node is not running, because a fault without an effect must not count as a
   * fault.
   */
  async #end(nodeId: string, signal: 'SIGKILL' | 'SIGTERM', timeoutMs: number): Promise<void> {
    const identity = this.#running(nodeId);
    if (!(await signalProcess(identity, signal))) throw notRunning(nodeId);
    const deadline = performance.now() + timeoutMs;
    while (!(await awaitState(identity, 'gone', SIGNAL_AGAIN_MS))) {
      if (performance.now() > deadline) throw notObserved(nodeId, `exit after ${signal}`, timeoutMs);
      // A server that is writing its first append-only file refuses to exit, and discards the signal.
      await signalProcess(identity, signal);
    }
    this.admin.drop(nodeId);
    updateLedger(this.context.stateDir, this.name, (ledger) => {
      const { [nodeId]: _ended, ...processes } = ledger.processes;
      return { ...ledger, processes };
    });
  }

  /** Sends SIGSTOP and waits for its effect. Healing the fault resumes the node and returns when it replies. */
  async pause(nodeId: string): Promise<Heal> {
    const identity = this.#running(nodeId);
    if (!(await signalProcess(identity, 'SIGSTOP'))) throw notRunning(nodeId);
    const forget = continueAtExit(identity.pid);
    if (!(await awaitState(identity, 'stopped', SIGNAL_TIMEOUT_MS))) {
      throw notObserved(nodeId, 'stop after SIGSTOP', SIGNAL_TIMEOUT_MS);
    }
    let healing: Promise<void> | undefined;
    const heal: Heal = () => {
      healing ??= this.#continue(nodeId, identity).finally(() => {
        forget();
        this.#heals.delete(heal);
      });
      return healing;
    };
    this.#heals.add(heal);
    return heal;
  }

  /**
   * Separates the nodes from the others and from the watchdog until the partition is healed, or until this process
   * ends.
   */
  async partition(
    nodeIds: readonly string[],
    options: { readonly clientsStillReach: boolean },
  ): Promise<Heal> {
    const { context } = this;
    const hostOf = (id: string) => addressOf(context, id).host;
    const others = nodesOf(context.topology).filter(({ id }) => !nodeIds.includes(id));
    const watchdog = context.topology.watchdog && watchdogHost(context);
    const end = await separate({
      group: nodeIds.map(hostOf),
      others: [...others.map(({ id }) => hostOf(id)), ...(watchdog === undefined ? [] : [watchdog])],
      ...options,
      logPath: join(context.dir, 'nft.log'),
    });
    const heal: Heal = async () => {
      await end();
      this.#heals.delete(heal);
    };
    this.#heals.add(heal);
    return heal;
  }

  async #continue(nodeId: string, identity: ProcessIdentity): Promise<void> {
    this.admin.drop(nodeId);
    if (!(await signalProcess(identity, 'SIGCONT'))) return; // Killed while paused: nothing to heal.
    const isRunning = await awaitState(identity, 'running', SIGNAL_TIMEOUT_MS);
    // Makes more than one attempt: a node that becomes a replica closes its clients' connections immediately.
    if (isRunning && nodeId !== WATCHDOG_ID) await awaitAnswer(this.health(), nodeId);
  }

  /** Ends the pauses and partitions that have not been healed. */
  async healAll(): Promise<void> {
    await Promise.allSettled([...this.#heals].map((heal) => heal()));
  }

  /** Returns the state of all nodes. The function is bound to this handle, so it can be passed as a callback. */
  readonly status = async (): Promise<readonly NodeStatus[]> => {
    const processes = this.processes();
    return Promise.all(
      nodesOf(this.context.topology).map(
        async ({ id }): Promise<NodeStatus> => ({
          id,
          address: addressOf(this.context, id),
          ...(await processState(processes.get(id))),
        }),
      ),
    );
  };

  /** Returns the state of the watchdog; undefined if the environment has none. */
  async watchdogStatus(): Promise<WatchdogStatus | undefined> {
    const { watchdog } = this.context.topology;
    return watchdog && processState(this.processes().get(watchdog.id));
  }

  /** Keeps the healthy environment running when this process exits. */
  keep(): void {
    this.#ephemeral = false;
    for (const spare of this.#spares) spare();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.healAll();
    this.admin[Symbol.dispose]();
  }

  #running(nodeId: string): ProcessIdentity {
    if (nodeId !== this.context.topology.watchdog?.id) nodeOf(this.context, nodeId);
    const identity = this.processes().get(nodeId);
    if (identity === undefined) throw notRunning(nodeId);
    return identity;
  }
}

async function processState(
  identity: ProcessIdentity | undefined,
): Promise<Pick<NodeStatus, 'state' | 'pid'>> {
  const seen = identity === undefined ? 'gone' : await stateOf(identity);
  if (identity === undefined || seen === 'gone') return { state: 'stopped' };
  return { state: seen === 'stopped' ? 'paused' : 'running', pid: identity.pid };
}

function notRunning(nodeId: string): KitError {
  return new KitError(`${nodeId} is not running`, { code: 'NODE_NOT_RUNNING', exitCode: EXIT.UNKNOWN });
}

function notObserved(nodeId: string, what: string, timeoutMs: number): KitError {
  return new KitError(`${nodeId} did not ${what} within ${timeoutMs} ms`, {
    code: 'FAULT_NOT_OBSERVED',
    exitCode: EXIT.UNKNOWN,
  });
}
