/**
 * Finds an environment by its ledger: the applied configuration, and its differences from the current one.
 *
 * The ledger stores the configuration, and the nodes' ACL files store the hashes of their passwords, so neither the
 * current YAML file nor the secrets file is needed. Read-only.
 */
import { KitError } from '../../../config/errors.ts';
import { environmentFlags } from '../../../config/load.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import type { Secret } from '../../../config/secret.ts';
import {
  type EnvironmentSecrets,
  REDIS_USERS,
  readSecrets,
  SENTINEL_USERS,
  secretsFile,
  unknownSecrets,
} from '../../../config/secrets.ts';
import { readIfReadable } from '../../host/disk.ts';
import { acceptsPassword } from '../../redis/conf/acl.ts';
import { nodesOf, planTopology, type Topology } from '../../topology.ts';
import { configDifferences } from '../config-differences.ts';
import type { Ledger } from './ledger.ts';
import { nodeFiles } from './local-context.ts';

export interface Applied {
  readonly topology: Topology;
  readonly secrets: EnvironmentSecrets;
  readonly differences: readonly string[];
  readonly hasCredentials: boolean;
}

/**
 * Returns the applied configuration. @throws KitError `ENVIRONMENT_CHANGED` if the ledger was written by an older
 * version and contains none
 */
export function appliedOf(
  ledger: Ledger,
  asked: Topology | undefined,
  context: { readonly stateDir: string; readonly dir: string },
): Applied {
  const config = ledger.config ?? asked?.environment;
  if (config === undefined) throw unknownConfiguration(ledger.environment);
  const topology = planTopology(config);
  const changed = asked === undefined ? [] : configDifferences(config, asked.environment);
  const { secrets, problem } = secretsOf(ledger.environment, context.stateDir);
  const refused = secrets === undefined ? [] : refusedPasswords(topology, secrets, context);
  const passwords = refused.map(
    (user) =>
      `passwords: the nodes reject the current password of ${user} (${secretsFile(config.name, context.stateDir)} or a variable KIT_…_PASSWORD)`,
  );
  return {
    topology,
    secrets: secrets ?? unknownSecrets(),
    differences: [...changed, ...(problem === undefined ? passwords : [`passwords: ${problem}`])],
    hasCredentials: secrets !== undefined && !refused.some((user) => user.endsWith("'admin'")),
  };
}

/** Returns the users whose current password a node rejects: `Redis user 'app'`. */
export function refusedPasswords(
  topology: Topology,
  secrets: EnvironmentSecrets,
  context: { readonly dir: string },
): readonly string[] {
  const refused = nodesOf(topology).flatMap(({ id, role }) => {
    const acl = readIfReadable(nodeFiles(context, id).acl);
    // A node that was never started has no users.
    if (acl === undefined) return [];
    const refusedOf = <U extends string>(
      program: string,
      users: readonly U[],
      passwords: Readonly<Record<U, Secret>>,
    ) =>
      users
        .filter((user) => !acceptsPassword(acl, user, passwords[user]))
        .map((user) => `${program} user '${user}'`);
    return role === 'redis'
      ? refusedOf('Redis', REDIS_USERS, secrets.redis)
      : refusedOf('Sentinel', SENTINEL_USERS, secrets.sentinel);
  });
  return [...new Set(refused)];
}

function secretsOf(
  name: string,
  stateDir: string,
): { readonly secrets: EnvironmentSecrets | undefined; readonly problem?: string } {
  try {
    const secrets = readSecrets(name, stateDir);
    return secrets === undefined
      ? { secrets, problem: `${secretsFile(name, stateDir)} does not exist` }
      : { secrets };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return { secrets: undefined, problem: `${error.where ?? secretsFile(name, stateDir)} ${error.message}` };
  }
}

/** Returns the error for an applied configuration that differs from the requested one. */
export function changedConfiguration(
  name: string,
  applied: EnvironmentConfig | undefined,
  asked: EnvironmentConfig,
): KitError {
  const differences = applied === undefined ? [] : configDifferences(applied, asked);
  const what = differences.length === 0 ? '' : `: ${differences.join('; ')}`;
  return new KitError(`environment '${name}' is running with a different configuration${what}`, {
    code: 'ENVIRONMENT_CHANGED',
    hint: `run kit apply ${environmentFlags(asked)} to change it node by node (add --dry-run to see the plan first); or restore the running configuration, or stop the environment and remove its data: kit down ${environmentFlags(asked)}`,
  });
}

function unknownConfiguration(name: string): KitError {
  return new KitError(`environment '${name}' is running, and its current configuration is invalid`, {
    code: 'ENVIRONMENT_CHANGED',
    hint: `correct the configuration, or stop the environment and remove its data: kit down --env ${name}`,
  });
}
