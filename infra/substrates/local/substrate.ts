/**
 * The default substrate: a topology as plain processes on this machine.
 *
 * apply: lock the environment ─▶ end the remains of crashed runs ─▶ keep a running environment, or: binary, block of
 * addresses, credentials, ledger, reaper ─▶ master ─▶ replicas ─▶ sentinels ─▶ healthy. If any step fails, everything
 * is ended and removed.
 *
 * Left out: disconnected nodes, which need network namespaces, and any state other than the ledger's.
 */
import { resolve } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import { secretsFile } from '../../../config/secrets.ts';
import { withLock } from '../../host/lock.ts';
import { identify, ownProcess } from '../../host/process-identity.ts';
import type { PreparedChange } from '../../operations/rolling/change.ts';
import { loadFunctions } from '../../redis/functions.ts';
import type { Topology } from '../../topology.ts';
import type { Environment } from '../environment.ts';
import type {
  ApplyOptions,
  DataInspection,
  DestroyReport,
  FoundEnvironment,
  PlanStep,
  Substrate,
} from '../substrate.ts';
import { keepBlock } from './addresses.ts';
import { appliedOf, changedConfiguration, refusedPasswords } from './applied-configuration.ts';
import { findRedisBinary } from './binary.ts';
import { LocalEnvironment } from './environment.ts';
import { type Ledger, ledgerPath, readLedger, updateLedger } from './ledger.ts';
import { environmentDir, type LocalContext } from './local-context.ts';
import { resolveMaster } from './master-resolution.ts';
import { LocalNodes } from './nodes.ts';
import type { LocalSubstrateOptions } from './options.ts';
import { configHashOf, planSteps } from './plan.ts';
import { dismissReaper, startReaper } from './reaper.ts';
import { inspectData, requireDown } from './recover.ts';
import { inspectShards } from './recover-cluster.ts';
import { prepareLocalChange } from './rolling-change.ts';
import {
  contextOfLedger,
  prepareEnvironment,
  recordRunning,
  resumeAll,
  type StartRequest,
  startAll,
  startObservability,
} from './start-environment.ts';
import { acquireEnvironmentLock, endEnvironment, endLeftOvers, isLeftOver } from './teardown.ts';

/**
 * Maximum wait for replicas, in ms. A replica of a new master is in sync within a second or two; on a busy machine it
 * takes longer.
 */
const WAIT_FOR_REPLICAS_MS = 10_000;

export function localSubstrate(options: LocalSubstrateOptions = {}): Substrate {
  return new LocalSubstrate(options);
}

class LocalSubstrate implements Substrate {
  readonly name = 'local';
  readonly #options: LocalSubstrateOptions;
  readonly #stateDir: string;

  constructor(options: LocalSubstrateOptions) {
    this.#options = options;
    this.#stateDir = resolve(options.stateDir ?? '.kit');
  }

  async plan(topology: Topology): Promise<readonly PlanStep[]> {
    const ledger = this.#ledger(topology);
    return planSteps(topology, ledger !== undefined && (await isLeftOver(ledger)) ? undefined : ledger);
  }

  async apply(topology: Topology, options: ApplyOptions): Promise<Environment> {
    const progress = options.progress ?? (() => {});
    const { name } = topology.environment;
    await endLeftOvers(this.#stateDir, progress);
    const request: StartRequest = {
      topology,
      stateDir: this.#stateDir,
      options: this.#options,
      progress,
      signal: options.signal,
      recoverFrom: options.recoverFrom,
    };
    return withLock(acquireEnvironmentLock(this.#stateDir, name, { signal: options.signal }), async () => {
      const ledger = this.#ledger(topology);
      if (ledger !== undefined && !(await isLeftOver(ledger))) return this.#resume(request, ledger);
      await endEnvironment(this.#stateDir, name);
      return this.#create(request, options.ephemeral);
    });
  }

  async open(topology: Topology): Promise<Environment | undefined> {
    const ledger = this.#ledger(topology);
    if (ledger === undefined || (await isLeftOver(ledger))) return undefined;
    requireSame(topology, ledger);
    const nodes = new LocalNodes(await contextOfLedger(topology, this.#stateDir, ledger), false);
    return new LocalEnvironment({ nodes, deviations: ledger.deviations });
  }

  async find(name: string, asked: Topology | undefined): Promise<FoundEnvironment | undefined> {
    const ledger = readLedger(ledgerPath(this.#stateDir, name));
    if (ledger === undefined || (await isLeftOver(ledger))) return undefined;
    const dir = environmentDir(this.#stateDir, name);
    const applied = appliedOf(ledger, asked, { stateDir: this.#stateDir, dir });
    const context = await contextOfLedger(applied.topology, this.#stateDir, ledger, applied.secrets);
    const environment = new LocalEnvironment({
      nodes: new LocalNodes(context, false),
      deviations: ledger.deviations,
    });
    return { environment, differences: applied.differences, hasCredentials: applied.hasCredentials };
  }

  async inspectData(topology: Topology): Promise<readonly DataInspection[] | undefined> {
    const ledger = this.#ledger(topology);
    if (ledger === undefined || (await isLeftOver(ledger))) return undefined;
    const nodes = new LocalNodes(await contextOfLedger(topology, this.#stateDir, ledger), false);
    try {
      await requireDown(nodes);
      if (topology.environment.topology.kind === 'cluster') return await inspectShards(nodes.context);
      return [await inspectData(nodes.context, (await resolveMaster(nodes)).nodeId)];
    } finally {
      await nodes[Symbol.asyncDispose]();
    }
  }

  async prepareChange(
    topology: Topology,
    { progress = () => {}, signal }: Pick<ApplyOptions, 'progress' | 'signal'>,
  ): Promise<PreparedChange | undefined> {
    const ledger = this.#ledger(topology);
    if (ledger === undefined || (await isLeftOver(ledger))) return undefined;
    await requireUnowned(ledger, this.#stateDir);
    const options = this.#options;
    const stateDir = this.#stateDir;
    const { environment } = topology;
    const found = { named: options.redisServer, environment, install: false, sink: options.sink };
    const binary = await findRedisBinary({ ...found, stateDir, progress, signal });
    const context = await contextOfLedger(topology, stateDir, { ...ledger, binary });
    requireSamePasswords(context);
    const nodes = new LocalNodes(context, ledger.owner !== undefined);
    const request: StartRequest = { topology, stateDir, options, progress, signal };
    return await prepareLocalChange({
      ...{ nodes, ledger, progress },
      startObservability: () => startObservability(nodes, request),
    });
  }

  async destroy(environmentName: string): Promise<DestroyReport> {
    return withLock(acquireEnvironmentLock(this.#stateDir, environmentName, { makesRoom: true }), () =>
      endEnvironment(this.#stateDir, environmentName),
    );
  }

  async #create(request: StartRequest, ephemeral: boolean): Promise<Environment> {
    const { topology, stateDir, progress, signal } = request;
    const { name } = topology.environment;
    let reaper: ReturnType<typeof startReaper> | undefined;
    try {
      const nodes = new LocalNodes(await prepareEnvironment(request), true);
      reaper = startReaper(stateDir, name);
      const reaperIdentity = await identify(reaper.pid);
      updateLedger(stateDir, name, (ledger) => ({ ...ledger, reaper: reaperIdentity }));
      await startAll(nodes, progress, signal);
      await startObservability(nodes, request);
      const masters = topology.redis.filter(({ bootstrapMaster }) => bootstrapMaster).map(({ id }) => id);
      await loadFunctions(masters, (id) => nodes.admin.get(id));
      if (!ephemeral) nodes.keep();
      recordRunning(nodes, ephemeral ? await ownProcess() : undefined);
      if (!ephemeral) dismissReaper(reaper);
      return new LocalEnvironment({
        nodes,
        deviations: [...nodes.deviations],
        end: ephemeral ? () => this.#endOwned(name, reaper) : undefined,
      });
    } catch (error) {
      await endEnvironment(stateDir, name).catch((left: unknown) => {
        progress(`could not clean up: ${left instanceof Error ? left.message : String(left)}`);
      });
      if (reaper !== undefined) dismissReaper(reaper);
      throw error;
    }
  }

  async #endOwned(name: string, reaper: ReturnType<typeof startReaper> | undefined): Promise<void> {
    await withLock(acquireEnvironmentLock(this.#stateDir, name, { makesRoom: true }), () =>
      endEnvironment(this.#stateDir, name),
    );
    if (reaper !== undefined) dismissReaper(reaper);
  }

  async #resume(request: StartRequest, ledger: Ledger): Promise<Environment> {
    const { topology, stateDir, progress, signal } = request;
    await requireUnowned(ledger, stateDir);
    requireSame(topology, ledger);
    await keepBlock(ledger.block, topology, stateDir);
    const context = await contextOfLedger(topology, stateDir, ledger);
    requireSamePasswords(context);
    const nodes = new LocalNodes(context, ledger.owner !== undefined);
    const masters = await resumeAll(nodes, progress, signal, request.recoverFrom);
    await startObservability(nodes, request);
    await loadFunctions(masters, (id) => nodes.admin.get(id), {
      waitForReplicasMs: WAIT_FOR_REPLICAS_MS,
      progress,
      signal,
    });
    return new LocalEnvironment({ nodes, deviations: ledger.deviations });
  }

  #ledger(topology: Topology): Ledger | undefined {
    return readLedger(ledgerPath(this.#stateDir, topology.environment.name));
  }
}

/** Refuses an environment that another process started for itself, because the environment ends with that process. */
async function requireUnowned({ environment, owner }: Ledger, stateDir: string): Promise<void> {
  if (owner === undefined || owner.pid === (await ownProcess()).pid) return;
  throw new KitError(`environment '${environment}' is in use by process ${owner.pid}`, {
    code: 'ENVIRONMENT_BUSY',
    exitCode: EXIT.UNKNOWN,
    where: stateDir,
    hint: 'wait until it has finished, or use another checkout',
  });
}

function requireSame({ environment }: Topology, ledger: Ledger): void {
  if (ledger.configHash === configHashOf({ environment })) return;
  throw changedConfiguration(environment.name, ledger.config, environment);
}

/** Refuses changed passwords, which would otherwise be noticed only at the first command, as "does not answer". */
function requireSamePasswords({ topology, secrets, stateDir, dir }: LocalContext): void {
  const [refused, ...more] = refusedPasswords(topology, secrets, { dir });
  if (refused === undefined) return;
  const { name } = topology.environment;
  throw new KitError(`the nodes reject the current password of ${[refused, ...more].join(', ')}`, {
    code: 'SECRETS_CHANGED',
    where: secretsFile(name, stateDir),
    hint: `restore the previous secrets.json, unset KIT_…_PASSWORD, or stop the environment and remove its data: kit down ${environmentFlags(topology.environment)}`,
  });
}
