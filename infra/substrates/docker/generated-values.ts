/**
 * Random values of an environment: passwords and ids, generated at its first deploy and stored under the state
 * directory. `readValues` generates none: `kit status` must not create passwords for an environment that was never
 * deployed.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import {
  type EnvironmentSecrets,
  loadSecrets,
  readSecrets,
  secretsFile,
  unknownSecrets,
} from '../../../config/secrets.ts';
import { readOrCreate } from '../../host/private-files.ts';
import { environmentDir } from './state-files.ts';

export interface EnvironmentValues {
  readonly secrets: EnvironmentSecrets;
  /** Password of the user `admin` of Redis Commander. */
  readonly commanderPassword: string;
  /** Returns the seed from which the ids of sentinels or cluster nodes are derived. */
  idSeed(kind: IdSeed): string;
}

export type IdSeed = 'sentinels-id' | 'cluster-id';

/** Generates the missing values. @throws KitError in the same cases as `loadSecrets` */
export function drawValues(stateDir: string, name: string): EnvironmentValues {
  const keep = (file: string, make: () => string) =>
    readOrCreate(join(environmentDir(stateDir, name), file), make);
  return {
    secrets: dockerSecrets(stateDir, name),
    commanderPassword: keep(COMMANDER, () => randomBytes(18).toString('base64url')),
    idSeed: (kind) => keep(kind, () => randomBytes(20).toString('hex')),
  };
}

/**
 * Reads the values and generates none: a missing id is empty, and a missing password is replaced by one that no node
 * accepts.
 *
 * @param secrets the passwords, if they have already been read
 * @throws KitError in the same cases as `readSecrets`
 */
export function readValues(
  stateDir: string,
  name: string,
  secrets: EnvironmentSecrets = readSecrets(name, join(stateDir, 'docker')) ?? unknownSecrets(),
): EnvironmentValues {
  const textOf = (file: string) => {
    const path = join(environmentDir(stateDir, name), file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  return {
    secrets,
    commanderPassword: textOf(COMMANDER),
    idSeed: textOf,
  };
}

const UNUSABLE: readonly string[] = ['SECRETS_BROKEN', 'SECRETS_EXPOSED'];

/** Renames an unreadable password file, so that a destroy can synthesise the stack; a destroy needs no passwords. */
export function setDamagedSecretsAside(stateDir: string, name: string): void {
  try {
    readSecrets(name, join(stateDir, 'docker'));
  } catch (error) {
    const file = dockerSecretsFile(stateDir, name);
    if (!(error instanceof KitError) || !UNUSABLE.includes(error.code)) throw error;
    renameSync(file, `${file}.damaged`);
  }
}

/**
 * Returns the paths of all files that contain passwords of an environment, or values derived from them, except the
 * state.
 */
export const secretPathsOf = (stateDir: string, name: string): readonly string[] => [
  dirname(dockerSecretsFile(stateDir, name)),
  ...[COMMANDER, 'sentinels-id', 'cluster-id', 'files', 'files.tar', 'tls'].map((file) =>
    join(environmentDir(stateDir, name), file),
  ),
];

const COMMANDER = 'commander.password';

/** Returns the path of the file with the login for Redis Commander. */
export const commanderPasswordFile = (stateDir: string, name: string): string =>
  join(environmentDir(stateDir, name), COMMANDER);

/**
 * Returns the passwords. They are separate from those of a local environment with the same name, which is a different
 * environment.
 */
export const dockerSecrets = (stateDir: string, name: string): EnvironmentSecrets =>
  loadSecrets(name, join(stateDir, 'docker'));

export const dockerSecretsFile = (stateDir: string, name: string): string =>
  secretsFile(name, join(stateDir, 'docker'));

/**
 * Whether the state directory contains passwords of an environment. They exist after its first synth or deploy from
 * this directory.
 */
export const hasSecrets = (stateDir: string, name: string): boolean =>
  existsSync(dockerSecretsFile(stateDir, name));
