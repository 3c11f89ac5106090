/**
 * The Docker substrate: an environment that Terraform owns, deployed by the steps of `cdktf deploy`.
 *
 * apply: end environments of crashed runs ─▶ keep an environment that is already running as planned, or: remove the
 * orphans of an interruption outside the state ─▶ terraform apply ─▶ healthy. An environment deployed with plain
 * `cdktf deploy` is found by its name (`open`).
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { KitError } from '../../../config/errors.ts';
import { loadEnvironment } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { diskError, requireFreeSpace } from '../../host/disk.ts';
import type { ProgramSink } from '../../host/process.ts';
import type { PreparedChange } from '../../operations/rolling/change.ts';
import { planTopology, type Topology } from '../../topology.ts';
import type { Environment } from '../environment.ts';
import type {
  ApplyOptions,
  DataInspection,
  DestroyOptions,
  DestroyReport,
  FoundEnvironment,
  PlanStep,
  Substrate,
} from '../substrate.ts';
import { accessOf } from './access.ts';
import { adoptForeign } from './adoption.ts';
import { appliedIn, compareWithCurrent } from './applied-configuration.ts';
import { clientCa, currentCertificates } from './certificates.ts';
import { changedNodes, outageOfDeploy, stepsOfNodes } from './changed-nodes.ts';
import { destroy } from './destroy.ts';
import { findDrift } from './drift.ts';
import { inspectContainers, inspectReachable } from './engine.ts';
import { enginesOf } from './engines.ts';
import { DockerEnvironment } from './environment.ts';
import { setDamagedSecretsAside } from './generated-values.ts';
import { awaitHealthy } from './health.ts';
import { cdktfCommand, kitCommand } from './hint-commands.ts';
import { answeringEngines, copyImages, engineVersions, requireEngines } from './host-engines.ts';
import { chooseImages, describeImages } from './images.ts';
import { removeOrphans, removeParts } from './orphans.ts';
import { monitoringDifference, type Outputs, outputNodes } from './outputs.ts';
import { ownerProcessState, recordOwnerProcess, removeOwnerProcess } from './owner-process.ts';
import { foreignError, type Ownership, partsOf, readOwnership, unknownEnvironment } from './ownership.ts';
import { dockerPasswords } from './passwords.ts';
import { type DockerPlan, planDocker } from './plan.ts';
import { requireFreePortsAndSubnets } from './preflight.ts';
import { provenanceOf } from './provenance.ts';
import { inspectDown, type RecoveryContext, recoverIfDown, recoveryContext } from './recover.ts';
import { findDeviations, renderNodes } from './rendering.ts';
import { prepareDockerChange } from './rolling-change.ts';
import { provideNodeImage } from './server-images.ts';
import { requireReadableData } from './server-versions.ts';
import { dockerSettings } from './settings.ts';
import { startStopped } from './start-stopped.ts';
import { type Deployed, idsIn, outputsIn, readState, restoreTruncatedState, type State } from './state.ts';
import { environmentDir } from './state-files.ts';
import * as terraform from './terraform.ts';

export interface DockerSubstrateOptions {
  /** Default `.kit` in the working directory. */
  readonly stateDir?: string | undefined;
  readonly sink?: ProgramSink | undefined;
  /** Whether a protected environment may be destroyed. */
  readonly allowDestroy?: boolean;
}

export function dockerSubstrate(options: DockerSubstrateOptions = {}): Substrate {
  return new DockerSubstrate(options);
}

class DockerSubstrate implements Substrate {
  readonly name = 'docker';
  readonly #stateDir: string;
  readonly #options: DockerSubstrateOptions;

  constructor(options: DockerSubstrateOptions) {
    this.#options = options;
    this.#stateDir = resolve(options.stateDir ?? '.kit');
  }

  async plan(topology: Topology): Promise<readonly PlanStep[]> {
    const plan = planDocker(topology);
    const all = (action: PlanStep['action'], detail: string) =>
      plan.nodes.map(({ id }): PlanStep => ({ action, nodeId: id, detail }));
    if ((await this.#outputs(plan.environment)) === undefined) return all('create', 'not deployed');
    const changed = await this.#changed(plan);
    if (changed !== undefined) return all('replace', changed);
    const { steps } = await terraform.terraformPlan(plan.environment, this.#terraform());
    return stepsOfNodes(plan, steps);
  }

  async apply(topology: Topology, options: ApplyOptions): Promise<Environment> {
    const progress = options.progress ?? (() => {});
    const plan = planDocker(topology);
    const { name } = plan.environment;
    await requireEngines(plan.environment);
    this.#repairState(plan.environment, progress);
    const ownership = await this.#ownership(plan.environment);
    await adoptForeign(plan.environment, this.#stateDir, ownership, {
      adopt: options.adopt,
      verb: 'up',
      progress,
    });
    await this.#endOrphan(plan.environment, progress);
    await recoverIfDown(await this.#recoveryContext(plan), () => this.#handle(plan, false), {
      from: options.recoverFrom,
      progress,
      signal: options.signal,
    });
    const before = await this.#running(plan);
    if (before) {
      const environment = await this.#handle(plan, false);
      await startStopped(plan, environment, progress);
      await awaitHealthy(environment, { progress, signal: options.signal });
      return environment;
    }
    const known = await this.#known(plan.environment);
    const outage = await outageOfDeploy(plan, this.#stateDir);
    if (outage !== undefined && dockerSettings().allowOutage !== name) throw outage;
    await requireFreePortsAndSubnets(plan, await this.#ownership(plan.environment));
    // An environment that already existed and is currently stopped must not be removed at the end of a run.
    const owns = options.ephemeral && !known;
    requireFreeSpace(this.#stateDir);
    await provideNodeImage(this.#stateDir, plan.environment, { progress, signal: options.signal });
    await copyImages(this.#stateDir, plan, progress);
    await requireReadableData(plan, this.#stateDir);
    try {
      await removeOrphans(plan.environment, this.#terraform(), progress);
      progress(describeImages(chooseImages(this.#stateDir, plan.environment)));
      progress(`terraform apply, stack ${name}`);
      // Recorded before the deploy, so that the environment has an owner even if this process crashes during the
      // deploy.
      if (owns) await recordOwnerProcess(this.#stateDir, name);
      await terraform.deploy(plan.environment, this.#terraform(options.signal));
      const environment = await this.#handle(plan, owns);
      progress('waiting until it is healthy');
      await awaitHealthy(environment, { progress, signal: options.signal });
      return environment;
    } catch (error) {
      // After a failed deploy, existing resources keep their data, and new ones are removed. If another deploy holds
      // the lock of the state, the resources belong to that deploy.
      const another = error instanceof KitError && error.code === 'STATE_LOCKED';
      if (!known && !another) {
        await this.#end(plan.environment, true).catch((cause: Error) =>
          progress(`cleanup failed, and the next deploy repeats it: ${cause.message}`),
        );
      }
      throw diskError(error, this.#stateDir);
    }
  }

  async open(topology: Topology): Promise<Environment | undefined> {
    const plan = planDocker(topology);
    await requireEngines(plan.environment);
    if ((await ownerProcessState(this.#stateDir, plan.environment.name)) === 'gone') return undefined;
    return (await this.#running(plan)) ? await this.#handle(plan, false) : undefined;
  }

  async find(name: string, asked: Topology | undefined): Promise<FoundEnvironment | undefined> {
    const today = this.#configOf(name, asked?.environment);
    const engines = await answeringEngines(today ?? {});
    if ((await ownerProcessState(this.#stateDir, name)) === 'gone') return undefined;
    const ownership = await this.#ownership(today ?? { name, docker: {} }, engines);
    if (ownership.foreign.length > 0)
      throw foreignError(today ?? { name }, ownership, { stateDir: this.#stateDir });
    if (today === undefined) return undefined;
    const state = await this.#state(today);
    if (outputsIn(state) === undefined) return undefined;
    const plan = planDocker(planTopology(appliedIn(state, today) ?? today));
    const { found: containers } = await inspectReachable(plan.nodes);
    if (containers.size === 0) return undefined;
    const comparison = { plan, asked: asked?.environment, containers, stateDir: this.#stateDir };
    const { secrets, ...compared } = await compareWithCurrent(comparison);
    return { environment: await this.#handle(plan, false, secrets), ...compared };
  }

  async prepareChange(
    topology: Topology,
    { progress = () => {}, signal }: Pick<ApplyOptions, 'progress' | 'signal'>,
  ): Promise<PreparedChange | undefined> {
    const plan = planDocker(topology);
    const found = await this.find(plan.environment.name, topology);
    if (found === undefined) return undefined;
    await found.environment[Symbol.asyncDispose]();
    const certificates = plan.environment.security.tls
      ? currentCertificates(plan, this.#stateDir)
      : undefined;
    await provideNodeImage(this.#stateDir, plan.environment, { progress, signal });
    await copyImages(this.#stateDir, plan, progress);
    const images = chooseImages(this.#stateDir, plan.environment);
    progress(describeImages(images));
    return await prepareDockerChange({
      ...{ plan, certificates, progress },
      applied: appliedIn(await this.#state(plan.environment), plan.environment),
      drift: await findDrift(plan, this.#stateDir),
      found,
      images,
      environment: await this.#handle(plan, false),
      terraform: this.#terraform(),
    });
  }

  async inspectData(topology: Topology): Promise<readonly DataInspection[] | undefined> {
    const plan = planDocker(topology);
    await requireEngines(plan.environment);
    const found = await inspectDown(await this.#recoveryContext(plan), () => this.#handle(plan, false));
    return found && [found];
  }

  async #recoveryContext(plan: DockerPlan): Promise<RecoveryContext> {
    const ownership = await this.#ownership(plan.environment);
    if (ownership.foreign.length > 0)
      throw foreignError(plan.environment, ownership, { stateDir: this.#stateDir });
    return recoveryContext(plan, this.#stateDir, ownership);
  }

  async destroy(environmentName: string, options: DestroyOptions = {}): Promise<DestroyReport> {
    const environment = this.#configOf(environmentName, options.configuration);
    const parts = await partsOf(environmentName, enginesOf(environment ?? {}));
    if (environment === undefined) {
      if (parts.length === 0) return { ended: [], removed: [] };
      throw unknownEnvironment(environmentName, parts, this.#stateDir);
    }
    const isAllowed = this.#mayDestroy(environmentName);
    this.#repairState(environment);
    const ownership = await this.#ownership(environment);
    if (options.adopt !== undefined) {
      const isProtected = environment.docker.protected || ownership.foreign.some((part) => part.isProtected);
      terraform.requireDestroyable({ name: environmentName, docker: { protected: isProtected } }, isAllowed);
    }
    await adoptForeign(environment, this.#stateDir, ownership, { adopt: options.adopt, verb: 'down' });
    const { nodes } = planDocker(planTopology(environment));
    await this.#end(environment, isAllowed);
    const containers = parts.filter(({ kind }) => kind === 'container').map(({ name }) => name);
    const rest = parts.filter(({ name }) => !nodes.some(({ container }) => container === name));
    return {
      ended: nodes.filter(({ container }) => containers.includes(container)).map(({ id }) => id),
      removed: rest.map(({ name }) => name),
    };
  }

  /** A protected environment is destroyed only if the user named it. */
  #mayDestroy(name: string): boolean {
    return this.#options.allowDestroy === true || dockerSettings().allowDestroy === name;
  }

  /** The deployed configuration, or the one that the user named, or the current one. */
  #configOf(name: string, given?: EnvironmentConfig): EnvironmentConfig | undefined {
    const load = (source: string) => {
      try {
        return loadEnvironment(source);
      } catch {
        // Not deployed by the kit, or the environment file was deleted.
        return undefined;
      }
    };
    return load(join(environmentDir(this.#stateDir, name), 'environment.yaml')) ?? given ?? load(name);
  }

  /** Whether the environment is deployed as planned, and at least one node is running. */
  async #running(plan: DockerPlan): Promise<boolean> {
    const { name } = plan.environment;
    const state = await this.#state(plan.environment);
    const outputs = outputsIn(state);
    if (outputs === undefined) return false;
    const found = await inspectContainers(plan.nodes);
    // After an interrupted deploy the state may have the outputs but not the containers: such containers belong to no
    // deploy.
    const owned = idsIn(state);
    const ours = [...found.values()].filter(({ Id }) => owned.has(Id));
    if (ours.length < plan.nodes.length) return false;
    const changed = (await this.#changed(plan)) ?? monitoringDifference(outputs, plan);
    if (changed !== undefined) {
      throw new KitError(`environment '${name}' is running with a different configuration: ${changed}`, {
        code: 'ENVIRONMENT_CHANGED',
        where: environmentDir(this.#stateDir, name),
        hint: `node by node: ${kitCommand('apply', plan.environment)}; or all at once, with an interruption: ${cdktfCommand('deploy', plan.environment)}; or stop it and remove its data: ${kitCommand('down', plan.environment)}`,
      });
    }
    return [...found.values()].some(({ State }) => State.Status === 'running');
  }

  /** Describes the differences between the deployed environment and the plan. */
  async #changed(plan: DockerPlan): Promise<string | undefined> {
    const outputs = await this.#outputs(plan.environment);
    if (!isDeepStrictEqual(outputs?.nodes, outputNodes(plan))) return 'its nodes, addresses or ports';
    const other = await changedNodes(plan, this.#stateDir);
    return other.length === 0 ? undefined : `the configuration of ${other.map(({ id }) => id).join(', ')}`;
  }

  async #handle(plan: DockerPlan, owns: boolean, known?: EnvironmentSecrets): Promise<DockerEnvironment> {
    const { name } = plan.environment;
    const images = chooseImages(this.#stateDir, plan.environment);
    const passwords = dockerPasswords({ plan, facts: images.facts, stateDir: this.#stateDir, known });
    const { found } = await inspectReachable([...plan.nodes, plan.exporter]);
    return new DockerEnvironment({
      plan,
      passwords,
      ca: plan.environment.security.tls ? clientCa(this.#stateDir, name) : undefined,
      deviations: findDeviations(plan, images.facts, this.#stateDir, passwords.secrets()),
      access: accessOf(plan, this.#stateDir),
      ...provenanceOf(plan, images, found, await engineVersions(plan.environment)),
      logDir: join(environmentDir(this.#stateDir, name), 'logs'),
      rendered: () => renderNodes(plan, images.facts, this.#stateDir),
      end: owns ? () => this.#end(plan.environment, true) : undefined,
    });
  }

  /** Ends an ephemeral environment whose owner process has exited. */
  async #endOrphan(environment: EnvironmentConfig, progress: (line: string) => void): Promise<void> {
    const whose = await ownerProcessState(this.#stateDir, environment.name);
    if (whose === 'alive') {
      throw new KitError(`environment '${environment.name}' is in use by another run`, {
        code: 'ENVIRONMENT_BUSY',
        where: environmentDir(this.#stateDir, environment.name),
        hint: 'wait until it has finished: the Docker engine has only one environment of this name for all checkouts',
      });
    }
    if (whose !== 'gone') return;
    progress(`stopping '${environment.name}' of a crashed run`);
    await this.#end(environment, true);
  }

  #repairState(environment: EnvironmentConfig, progress: (line: string) => void = () => {}): void {
    const broken = restoreTruncatedState(environment, this.#stateDir);
    if (broken !== undefined) progress(`the Terraform state was truncated; it is kept as ${broken}`);
  }

  async #end(environment: EnvironmentConfig, allowDestroy: boolean): Promise<void> {
    const { name } = environment;
    terraform.requireDestroyable(environment, allowDestroy);
    this.#repairState(environment);
    const { own, foreign } = await this.#ownership(environment);
    if (foreign.length > 0) {
      // Another checkout deployed the environment at the same moment. Terraform matches by name, and would treat the
      // volumes of that checkout as ours.
      await removeParts(own.filter(({ kind }) => kind !== 'volume'));
      throw foreignError(environment, { foreign }, { stateDir: this.#stateDir });
    }
    setDamagedSecretsAside(this.#stateDir, name);
    // The state may be incomplete after an interruption; the labels identify the remaining resources. Containers are
    // removed first, because they use the resources that Terraform is to remove.
    await removeOrphans(environment, this.#terraform(), () => {});
    if (idsIn(await this.#state(environment)).size > 0) {
      await destroy(environment, { ...this.#terraform(), allowDestroy });
    }
    await removeOrphans(environment, this.#terraform(), () => {});
    const left = await this.#ownership(environment);
    await removeParts(left.own.filter(({ kind }) => kind === 'volume'));
    removeOwnerProcess(this.#stateDir, name);
    rmSync(environmentDir(this.#stateDir, name), { recursive: true, force: true });
    rmSync(join(this.#stateDir, 'docker', 'environments', name), { recursive: true, force: true });
  }

  /** Parts of the environment on the engine, divided by owner. */
  async #ownership(environment: Deployed, engines = enginesOf(environment)): Promise<Ownership> {
    const ids = async () => idsIn(await this.#state(environment));
    return readOwnership(environment, this.#stateDir, ids, await partsOf(environment.name, engines));
  }

  /** Whether parts of the environment existed before: resources in the state, or volumes whose state was lost. */
  async #known(environment: EnvironmentConfig): Promise<boolean> {
    if (idsIn(await this.#state(environment)).size > 0) return true;
    return (await this.#ownership(environment)).own.some(({ kind }) => kind === 'volume');
  }

  #state(environment: Deployed): Promise<State> {
    return readState(environment, this.#terraform());
  }

  async #outputs(environment: EnvironmentConfig): Promise<Outputs | undefined> {
    return outputsIn(await this.#state(environment));
  }

  #terraform(signal?: AbortSignal): terraform.TerraformOptions {
    return { stateDir: this.#stateDir, signal, sink: this.#options.sink };
  }
}
