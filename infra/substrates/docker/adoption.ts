/**
 * Takes over an environment that another checkout owns: asks for confirmation, stops its containers with a grace period
 * (Redis saves), removes them and the networks, and records the previous owner of the volumes. The next deploy starts
 * with the data of these volumes.
 */
import { KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { Adopt } from '../substrate.ts';
import { docker } from './engine.ts';
import { removeParts } from './orphans.ts';
import { foreignEnvironment, foreignError, type Ownership, recordAdoption } from './ownership.ts';
import { dockerSettings } from './settings.ts';

/**
 * Grace period in s, the same as when an environment is destroyed (`constructs/node.ts`): Redis waits for its replicas,
 * then saves.
 */
const STOP_SECONDS = 20;

export interface Adoption {
  /** Confirms the adoption; undefined to refuse it. */
  readonly adopt: Adopt | undefined;
  /** Command to name in the hint when the adoption is refused. */
  readonly verb: 'up' | 'down';
  readonly progress?: (line: string) => void;
}

/**
 * @throws KitError `ENVIRONMENT_FOREIGN`, `ADOPTION_PROTECTED`, `ADOPTION_DECLINED`
 */
export async function adoptForeign(
  environment: EnvironmentConfig,
  stateDir: string,
  ownership: Ownership,
  { adopt, verb, progress = () => {} }: Adoption,
): Promise<void> {
  if (ownership.foreign.length === 0) return;
  const { name, docker: settings } = environment;
  if (adopt === undefined) throw foreignError(environment, ownership, { stateDir, verb });
  const found = foreignEnvironment(environment, ownership);
  const foreign = { ...found, isProtected: found.isProtected || settings.protected };
  if (foreign.isProtected && dockerSettings().allowAdopt !== name) throw protectedError(name);
  if (!(await adopt(foreign))) {
    throw new KitError(`environment '${name}' was not taken over: the prompt was declined`, {
      code: 'ADOPTION_DECLINED',
      where: foreign.place,
    });
  }
  progress(`taking '${name}' over from ${foreign.place}`);
  recordAdoption(name, stateDir, ownership);
  const containers = ownership.foreign.filter(({ kind }) => kind === 'container');
  for (const engine of new Set(containers.map((part) => part.engine))) {
    const ids = containers.filter((part) => part.engine === engine).map(({ id }) => id);
    await docker(['stop', '--time', String(STOP_SECONDS), ...ids], {
      engine,
      timeoutMs: (STOP_SECONDS + 30) * 1_000,
    });
  }
  await removeParts(ownership.foreign.filter(({ kind }) => kind !== 'volume'));
}

const protectedError = (name: string): KitError =>
  new KitError(`environment '${name}' is protected: a takeover needs permission`, {
    code: 'ADOPTION_PROTECTED',
    where: `environment ${name}`,
    hint: `set KIT_ALLOW_ADOPT=${name} to take it over anyway`,
  });
