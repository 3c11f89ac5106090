/** Registry of substrates and drills by name. A plug-in adds an entry here; no other file of the harness lists them. */
import { join } from 'node:path';
import type { AttachTarget } from '../config/attach.ts';
import { EXIT, KitError } from '../config/errors.ts';
import { certificateChecks } from '../infra/certificates/expiry.ts';
import type { ProgramSink } from '../infra/host/process.ts';
import { readRoles } from '../infra/operations/roles.ts';
import { describeRoles } from '../infra/redis/role-state.ts';
import type { BuildOptions, BuiltImage } from '../infra/substrates/docker/build-images.ts';
import type { BundleReport } from '../infra/substrates/docker/bundle.ts';
import type { DriftFinding } from '../infra/substrates/docker/drift.ts';
import type { LockOptions, LockReport } from '../infra/substrates/docker/images-lock.ts';
import { type DoctorCheck, doctor } from '../infra/substrates/doctor.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import type { Substrate } from '../infra/substrates/substrate.ts';
import type { Topology } from '../infra/topology.ts';
import type { Drill } from './drills/drill.ts';
import { drills } from './drills/index.ts';

export type SubstrateName = 'local' | 'docker' | 'attached';
/** Substrates that the kit starts itself. */
export type OwnSubstrateName = Exclude<SubstrateName, 'attached'>;

interface SubstrateOptions {
  /** Folder of the substrate's state, absolute. */
  readonly stateDir: string;
  /** Receives the output of outside programs. */
  readonly sink?: ProgramSink;
  /** For `attached`: the address of the Redis. */
  readonly attach?: AttachTarget | undefined;
}

/** Loaded on demand, so that no run pays for (or needs) a substrate that it does not use. */
const SUBSTRATES: Readonly<Record<SubstrateName, (options: SubstrateOptions) => Promise<Substrate>>> = {
  local: async (options) => (await import('../infra/substrates/local/substrate.ts')).localSubstrate(options),
  docker: async (options) =>
    (await import('../infra/substrates/docker/substrate.ts')).dockerSubstrate(options),
  attached: async ({ attach }) => {
    if (attach === undefined) throw new TypeError('the attached substrate needs a target');
    return (await import('../infra/substrates/external/substrate.ts')).attachedSubstrate(attach);
  },
};

export const SUBSTRATE_NAMES = Object.keys(SUBSTRATES) as readonly SubstrateName[];

/**
 * Checks that a Redis that the kit does not run can be attached to. Leaves nothing behind.
 *
 * @throws KitError `ATTACH_…`
 */
export async function requireAttachable(target: AttachTarget, namespace: string): Promise<void> {
  await (await import('../infra/substrates/external/preflight.ts')).checkExternal(target, `${namespace}:`);
}

export function substrateOf(name: SubstrateName, options: SubstrateOptions): Promise<Substrate> {
  return SUBSTRATES[name](options);
}

/**
 * Locks an environment for one command. A second command would heal the first one's faults, or mistake them for its
 * own. Disposing releases the lock; the lock of a dead holder counts as released.
 *
 * @param makesRoom the command removes things: on a full disk it continues without being recorded as the holder
 * @throws KitError ENVIRONMENT_BUSY with the pid of the command that has it
 */
export async function holdEnvironment(
  substrate: SubstrateName,
  name: string,
  stateDir: string,
  makesRoom = false,
): Promise<Disposable> {
  const [{ acquireLock }, { makePrivateDir }] = await Promise.all([
    import('../infra/host/lock.ts'),
    import('../infra/host/private-files.ts'),
  ]);
  const dir = join(stateDir, 'in-use');
  makePrivateDir(dir);
  return acquireLock(join(dir, `${substrate}-${name}.lock`), {
    what: `environment '${name}'`,
    timeoutMs: 0,
    makesRoom,
    refusal: (pid) =>
      new KitError(`environment '${name}' is in use by process ${pid ?? '?'}`, {
        code: 'ENVIRONMENT_BUSY',
        exitCode: EXIT.UNKNOWN,
        where: stateDir,
        hint: BUSY_HINTS[substrate],
      }),
  });
}

const BUSY_HINTS: Readonly<Record<SubstrateName, string>> = {
  local: 'wait until it has finished, or work in another checkout',
  docker: 'wait until it has finished: the Docker engine has one environment of this name, for all checkouts',
  attached: 'wait until it has finished',
};

/**
 * Reasons why an environment is not healthy, in words: nodes that do not run and the consequence for the master; if all
 * run, their defects that remain at the bound (a replica without its master, a sentinel that sees less).
 */
export async function missingAfter(environment: Environment, boundMs: number): Promise<string | undefined> {
  const down = (await environment.status()).filter(({ state }) => state !== 'running');
  if (down.length === 0) {
    const wholeness = await import('./trial/health.ts');
    return wholeness.missingAfter(environment, { boundMs });
  }
  const words = down.map(({ id, state }) => `${id} is ${state}`);
  if (environment.cluster !== undefined) return words.join(', ');
  const roles = await readRoles(environment);
  return [...words, ...(roles.kind === 'stable' ? [] : [describeRoles(roles)])].join(', ');
}

/** Checks of `kit doctor`. */
const CHECKS: Readonly<Record<OwnSubstrateName, (stateDir: string) => Promise<readonly DoctorCheck[]>>> = {
  local: async (stateDir) => {
    const { localFacts } = await import('../infra/substrates/local/doctor.ts');
    return [
      ...(await doctor(() => localFacts({ stateDir }))),
      ...certificateChecks(join(stateDir, 'environments')),
    ];
  },
  docker: async (stateDir) => (await import('../infra/substrates/docker/doctor.ts')).dockerChecks(stateDir),
};

/** Differences between the Docker engine and the deployed state. Changes nothing. */
export async function findDrift(topology: Topology, stateDir: string): Promise<readonly DriftFinding[]> {
  const [drift, { planDocker }] = await Promise.all([
    import('../infra/substrates/docker/drift.ts'),
    import('../infra/substrates/docker/plan.ts'),
  ]);
  return drift.findDrift(planDocker(topology), stateDir);
}

/** Makes the images of the Docker substrate without a registry. */
export async function buildImages(options: BuildOptions): Promise<readonly BuiltImage[]> {
  return (await import('../infra/substrates/docker/build-images.ts')).buildImages(options);
}

/** Resolves the published images to digests and records them. */
export async function lockImages(options: LockOptions): Promise<LockReport> {
  return (await import('../infra/substrates/docker/images-lock.ts')).lockImages(options);
}

export async function saveBundle(file: string, stateDir: string): Promise<BundleReport> {
  return (await import('../infra/substrates/docker/bundle.ts')).saveBundle(file, stateDir);
}

export async function loadBundle(file: string, stateDir: string): Promise<BundleReport> {
  return (await import('../infra/substrates/docker/bundle.ts')).loadBundle(file, stateDir);
}

export const OWN_SUBSTRATE_NAMES = Object.keys(CHECKS) as readonly OwnSubstrateName[];

/** Checks whether this machine fits the substrate. Changes nothing. */
export function checkMachine(name: OwnSubstrateName, stateDir: string): Promise<readonly DoctorCheck[]> {
  return CHECKS[name](stateDir);
}

/**
 * The drills of that name, in the catalogue's order.
 *
 * @throws KitError DRILL_UNKNOWN, listing the known ones
 */
export function drillsNamed(ids: readonly string[] | 'all'): readonly Drill[] {
  if (ids === 'all') return drills;
  const unknown = ids.filter((id) => !drills.some((drill) => drill.id === id));
  if (unknown.length > 0) {
    throw new KitError(`unknown drill ${unknown.map((id) => `'${id}'`).join(', ')}`, {
      code: 'DRILL_UNKNOWN',
      hint: `known drills: ${drills.map(({ id }) => id).join(', ')}`,
    });
  }
  return drills.filter(({ id }) => ids.includes(id));
}
