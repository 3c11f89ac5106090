/**
 * Finds differences between the applied environment and the current configuration and passwords. Read-only.
 *
 *   configuration   the state stores the applied one (`constructs/applied.ts`)
 *   passwords       each node stores the hashes of the passwords that it accepts
 *   files           the label of a container has the hash of its deployed files
 */

import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { type EnvironmentConfig, environmentSchema } from '../../../config/schema.ts';
import {
  type EnvironmentSecrets,
  REDIS_USERS,
  readSecrets,
  SENTINEL_USERS,
  unknownSecrets,
} from '../../../config/secrets.ts';
import { acceptsPassword } from '../../redis/conf/acl.ts';
import { configDifferences } from '../config-differences.ts';
import { type ContainerFacts, tryDocker } from './engine.ts';
import { dockerSecretsFile } from './generated-values.ts';
import { chooseImages } from './images.ts';
import { type DockerPlan, LABEL, type PlannedNode } from './plan.ts';
import { renderHashes } from './rendering.ts';
import { type State, stateAttributes } from './state.ts';
import { withCredentialsOf, withoutCredentials } from './stored-configuration.ts';

/** Returns the configuration that the last deploy applied; undefined if the state does not contain it. */
export function appliedIn(
  state: State,
  today: Pick<EnvironmentConfig, 'docker' | 'observability'>,
): EnvironmentConfig | undefined {
  const input = stateAttributes(state, 'terraform_data', 'applied')?.input as
    | { readonly value?: { readonly configuration?: string } }
    | undefined;
  if (input?.value?.configuration === undefined) return undefined;
  const parsed = environmentSchema.safeParse(JSON.parse(input.value.configuration));
  return parsed.success ? withCredentialsOf(today, parsed.data) : undefined;
}

export interface Comparison {
  readonly plan: DockerPlan;
  /** Current configuration, if it is readable. */
  readonly asked: EnvironmentConfig | undefined;
  readonly containers: ReadonlyMap<string, ContainerFacts>;
  readonly stateDir: string;
}

export async function compareWithCurrent({ plan, asked, containers, stateDir }: Comparison): Promise<{
  readonly differences: readonly string[];
  readonly hasCredentials: boolean;
  /** Current passwords; if they cannot be read, placeholders that no node accepts. */
  readonly secrets: EnvironmentSecrets;
}> {
  const { name } = plan.environment;
  const settings =
    asked === undefined
      ? []
      : configDifferences(withoutCredentials(plan.environment), withoutCredentials(asked));
  const { secrets, problem } = secretsOf(name, stateDir);
  const refused = secrets === undefined ? [] : await refusedPasswords(plan, secrets, containers);
  const passwords = refused.map(
    (user) =>
      `passwords: the nodes reject the current password of ${user} (${dockerSecretsFile(stateDir, name)} or a variable KIT_…_PASSWORD)`,
  );
  const found = [...settings, ...passwords, ...(problem === undefined ? [] : [`passwords: ${problem}`])];
  return {
    differences: found.length > 0 ? found : otherFiles(plan, containers, stateDir),
    hasCredentials: secrets !== undefined && !refused.some((user) => user.endsWith("'admin'")),
    secrets: secrets ?? unknownSecrets(),
  };
}

function secretsOf(
  name: string,
  stateDir: string,
): { readonly secrets?: EnvironmentSecrets | undefined; readonly problem?: string } {
  try {
    const secrets = readSecrets(name, join(stateDir, 'docker'));
    return secrets === undefined
      ? { problem: `${dockerSecretsFile(stateDir, name)} does not exist` }
      : { secrets };
  } catch (error) {
    if (!(error instanceof KitError)) throw error;
    return { problem: `${error.where ?? dockerSecretsFile(stateDir, name)} ${error.message}` };
  }
}

/** Returns the users whose current password a running node rejects: `Redis user 'app'`. */
async function refusedPasswords(
  plan: DockerPlan,
  secrets: EnvironmentSecrets,
  containers: Comparison['containers'],
): Promise<readonly string[]> {
  const refusedBy = async ({ container, engine, node }: PlannedNode): Promise<readonly string[]> => {
    if (containers.get(container)?.State.Status !== 'running') return [];
    const record = await tryDocker(['exec', container, 'cat', '/kit/users.acl'], { engine });
    if (record.exitCode !== 0) return [];
    const [program, users, passwords] =
      node.role === 'redis'
        ? (['Redis', REDIS_USERS, secrets.redis] as const)
        : (['Sentinel', SENTINEL_USERS, secrets.sentinel] as const);
    return users
      .filter(
        (user) =>
          !acceptsPassword(record.stdout, user, (passwords as EnvironmentSecrets['redis'])[user as 'app']),
      )
      .map((user) => `${program} user '${user}'`);
  };
  return [...new Set((await Promise.all(plan.nodes.map(refusedBy))).flat())];
}

/**
 * Reports files that changed although the configuration did not: another version of the kit, other images or other
 * certificates.
 */
function otherFiles(
  plan: DockerPlan,
  containers: Comparison['containers'],
  stateDir: string,
): readonly string[] {
  const hashes = hashesOrProblem(plan, stateDir);
  if (typeof hashes === 'string') return [hashes];
  const other = plan.nodes.filter(({ container, configVolume }) => {
    const label = containers.get(container)?.Config.Labels?.[LABEL.config];
    return label !== undefined && label !== hashes.get(configVolume);
  });
  if (other.length === 0) return [];
  return [
    `files: ${other.map(({ id }) => id).join(', ')} was deployed by another version of the kit, or with other images or certificates`,
  ];
}

/** Returns the hashes of the current files, or why the user's certificates cannot be used: the nodes still run. */
function hashesOrProblem(plan: DockerPlan, stateDir: string): ReadonlyMap<string, string> | string {
  try {
    return renderHashes(plan, chooseImages(stateDir, plan.environment).facts, stateDir).hashes;
  } catch (error) {
    if (!(error instanceof KitError && error.code.startsWith('CERTIFICATE_'))) throw error;
    return `certificates: ${error.where} ${error.message}`;
  }
}
