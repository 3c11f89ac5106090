/** Finds a running environment from the options of a command, on any substrate. */
import { EXIT, KitError } from '../config/errors.ts';
import { isEnvironmentName, loadEnvironment } from '../config/load.ts';
import { OWN_SUBSTRATE_NAMES, type OwnSubstrateName, substrateOf } from '../infra/substrates/registry.ts';
import type { FoundEnvironment } from '../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../infra/topology.ts';
import type { EnvironmentOptions } from './options.ts';
import { stateDir } from './session.ts';

/** Options of a command that finds an environment: without a substrate, each substrate is searched in order. */
export type FindOptions = Omit<EnvironmentOptions, 'substrate'> & { readonly substrate?: OwnSubstrateName };

/** Environment that the options name. */
export interface RequestedEnvironment {
  readonly name: string;
  readonly topology: Topology | undefined;
  /** Reason why the current configuration cannot be read. */
  readonly problem?: string;
}

/**
 * Reads the current configuration. An environment that the kit runs is found by its name even if its file is now
 * invalid.
 */
export function requestedEnvironment({ env, set }: FindOptions): RequestedEnvironment {
  try {
    const config = loadEnvironment(env, set);
    return { name: config.name, topology: planTopology(config) };
  } catch (error) {
    if (!(error instanceof KitError) || !isEnvironmentName(env)) throw error;
    const where = error.where === undefined ? '' : `${error.where}: `;
    return { name: env, topology: undefined, problem: `${where}${error.message}` };
  }
}

/**
 * Searches the given substrate, or every substrate in order. A missing engine, or an environment that another checkout
 * owns, becomes a note.
 */
export async function findAnywhere(
  named: OwnSubstrateName | undefined,
  { name, topology }: RequestedEnvironment,
): Promise<{ readonly found?: FoundEnvironment; readonly notes: readonly string[] }> {
  if (named !== undefined) return { ...(await findOn(named, name, topology)), notes: [] };
  const notes: string[] = [];
  for (const substrate of OWN_SUBSTRATE_NAMES) {
    try {
      const { found } = await findOn(substrate, name, topology);
      if (found !== undefined) return { found, notes };
    } catch (error) {
      // The local substrate has no requirements, so its error is final. An error of Docker is not, because Docker might
      // simply not be installed.
      if (!(error instanceof KitError) || substrate === 'local') throw error;
      const isForeign = error.code === 'ENVIRONMENT_FOREIGN';
      if (!isForeign && !/^(DOCKER|PROGRAM)_/.test(error.code)) throw error;
      notes.push(`${substrate}: ${isForeign ? '' : 'cannot be queried: '}${error.message}`);
    }
  }
  return { notes };
}

/**
 * Finds an environment whose nodes can be queried.
 *
 * @throws KitError `ENVIRONMENT_NOT_FOUND` if it is not running, `SECRETS_CHANGED` if its passwords are not available
 */
export async function requireEnvironment(
  named: OwnSubstrateName | undefined,
  requested: RequestedEnvironment,
): Promise<FoundEnvironment> {
  const { found, notes } = await findAnywhere(named, requested);
  const { name } = requested;
  if (found === undefined) {
    throw new KitError([`environment '${name}' is not running`, ...notes].join('; '), {
      code: 'ENVIRONMENT_NOT_FOUND',
      exitCode: EXIT.NO_GO,
      hint: `run kit up --env ${name} to start it`,
    });
  }
  if (found.hasCredentials) return found;
  await found.environment[Symbol.asyncDispose]();
  throw new KitError(`the passwords of '${name}' differ from those of its nodes`, {
    code: 'SECRETS_CHANGED',
    exitCode: EXIT.USAGE,
    hint: 'restore the secrets file of the running environment',
  });
}

async function findOn(
  substrate: OwnSubstrateName,
  name: string,
  topology: Topology | undefined,
): Promise<{ readonly found?: FoundEnvironment }> {
  const found = await (await substrateOf(substrate, { stateDir: stateDir() })).find(name, topology);
  return found === undefined ? {} : { found };
}
