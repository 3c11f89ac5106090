/** Registry of substrates by name. A new substrate adds an entry here; no other file lists them. */
import { join } from 'node:path';
import { EXIT, KitError } from '../../config/errors.ts';
import type { ExternalTarget } from '../../config/external-target.ts';
import type { SUBSTRATE_NAMES } from '../../config/substrate-names.ts';
import { certificateChecks } from '../certificates/expiry.ts';
import { acquireLock } from '../host/lock.ts';
import { makePrivateDir } from '../host/private-files.ts';
import type { ProgramSink } from '../host/process.ts';
import { type DoctorCheck, doctor } from './doctor.ts';
import type { Environment } from './environment.ts';
import type { ExternalInspection } from './external/inspection.ts';
import type { Substrate } from './substrate.ts';

export type SubstrateName = (typeof SUBSTRATE_NAMES)[number];
/** Substrates that the kit starts itself. */
export type OwnSubstrateName = Exclude<SubstrateName, 'external'>;

interface SubstrateOptions {
  /** Absolute path of the substrate's state folder. */
  readonly stateDir: string;
  /** Receives the output of external programs. */
  readonly sink?: ProgramSink;
  /** For `external`: the address of the Redis server. */
  readonly external?: ExternalTarget | undefined;
}

/** Substrates, which are loaded on demand, so that a run does not load or require a substrate that it does not use. */
const SUBSTRATES: Readonly<Record<SubstrateName, (options: SubstrateOptions) => Promise<Substrate>>> = {
  local: async (options) => (await import('./local/substrate.ts')).localSubstrate(options),
  docker: async (options) => (await import('./docker/substrate.ts')).dockerSubstrate(options),
  external: async ({ external }) => {
    if (external === undefined) throw new TypeError('the external substrate needs a target');
    return (await import('./external/substrate.ts')).externalSubstrate(external);
  },
};

/**
 * Checks that the kit can use a Redis that it does not operate. Leaves nothing behind.
 *
 * @throws KitError `EXTERNAL_…`
 */
export async function checkExternalTarget(target: ExternalTarget, namespace: string): Promise<void> {
  await (await import('./external/preflight.ts')).checkExternal(target, `${namespace}:`);
}

/** Finds the masters of an external Redis and connects to them. Writes nothing. @throws KitError `EXTERNAL_…` */
export async function inspectExternalTarget(target: ExternalTarget): Promise<ExternalInspection> {
  return (await import('./external/inspection.ts')).inspectExternal(target);
}

export function substrateOf(name: SubstrateName, options: SubstrateOptions): Promise<Substrate> {
  return SUBSTRATES[name](options);
}

/**
 * Locks an environment for one command. A second command would heal the faults of the first command, or mistake them
 * for its own. Disposing releases the lock; the lock of a dead holder counts as released.
 *
 * @param makesRoom whether the command frees disk space; on a full disk it continues without being recorded as the
 *   holder
 * @throws KitError ENVIRONMENT_BUSY with the pid of the command that holds the lock
 */
export async function lockEnvironment(
  substrate: SubstrateName,
  name: string,
  stateDir: string,
  makesRoom = false,
): Promise<Disposable> {
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
  local: 'wait until it has finished, or use another checkout',
  docker:
    'wait until it has finished: the Docker engine has only one environment of this name for all checkouts',
  external: 'wait until it has finished',
};

/**
 * Returns the path of a server program on this machine, for scratch servers: the program of the nodes, if they run on
 * this machine.
 *
 * @throws KitError `REDIS_NOT_FOUND`, `REDIS_TOO_OLD`, `REDIS_UNUSABLE`
 */
export async function findServerProgram(
  stateDir: string,
  signal?: AbortSignal,
  running?: Environment,
): Promise<string> {
  const { findRedisBinary } = await import('./local/binary.ts');
  const environment = running?.substrate === 'local' ? running.topology.environment : undefined;
  return (await findRedisBinary({ stateDir, environment, ...(signal && { signal }) })).path;
}

/** Checks for `kit doctor`. */
const CHECKS: Readonly<Record<OwnSubstrateName, (stateDir: string) => Promise<readonly DoctorCheck[]>>> = {
  local: async (stateDir) => {
    const { localFacts } = await import('./local/doctor.ts');
    return [
      ...(await doctor(() => localFacts({ stateDir }))),
      ...certificateChecks(join(stateDir, 'environments')),
    ];
  },
  docker: async (stateDir) => (await import('./docker/doctor.ts')).dockerChecks(stateDir),
};

export const OWN_SUBSTRATE_NAMES = Object.keys(CHECKS) as readonly OwnSubstrateName[];

/** Checks whether this machine meets the requirements of the substrate. Changes nothing. */
export function checkMachine(name: OwnSubstrateName, stateDir: string): Promise<readonly DoctorCheck[]> {
  return CHECKS[name](stateDir);
}
