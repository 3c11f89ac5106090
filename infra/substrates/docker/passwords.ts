/**
 * Passwords of an environment of containers. The files of all nodes are on volumes that only the init container may
 * write: this container gets the new archive and runs again, as in a deploy. The container labels and the state keep
 * their hashes (`rendering.ts`), so that the next deploy replaces nothing.
 */
import { join } from 'node:path';
import { EXIT, KitError } from '../../../config/errors.ts';
import {
  beginRotation,
  endRotation,
  readRotation,
  switchPasswords,
} from '../../../config/password-rotation.ts';
import type { EnvironmentSecrets } from '../../../config/secrets.ts';
import { rotatedAccounts, WATCHDOG } from '../../redis/conf/acl.ts';
import type { BinaryFacts } from '../../redis/server-capabilities.ts';
import type { PasswordStore } from '../environment.ts';
import { docker, inspectContainers } from './engine.ts';
import { readValues } from './generated-values.ts';
import { cdktfCommand } from './hint-commands.ts';
import type { DockerPlan, PlannedContainer } from './plan.ts';
import { renderFiles } from './rendering.ts';

export interface DockerPasswordsInput {
  readonly plan: DockerPlan;
  readonly facts: BinaryFacts;
  readonly stateDir: string;
  /** Passwords, if they have already been read. */
  readonly known: EnvironmentSecrets | undefined;
}

export function dockerPasswords({ plan, facts, stateDir, known }: DockerPasswordsInput): PasswordStore {
  const { name } = plan.environment;
  const secretsDir = join(stateDir, 'docker');
  const read = () => readValues(stateDir, name).secrets;
  let secrets = known ?? read();
  const changing = (change: () => void): void => {
    change();
    secrets = read();
  };
  return {
    rotation() {
      const found = readRotation(name, secretsDir);
      // Another command may have changed the passwords since this handle was opened.
      secrets = read();
      return found;
    },
    secrets: () => secrets,
    begin: (users) => changing(() => beginRotation(name, secretsDir, users)),
    switch: () => changing(() => switchPasswords(name, secretsDir)),
    end: () => changing(() => endRotation(name, secretsDir)),
    async writeFiles(accepts) {
      const { other: _, ...current } = secrets;
      const files = await renderFiles(plan, facts, stateDir, accepts === 'both' ? secrets : current);
      for (const [i, { init }] of plan.hosts.entries())
        await unpack(plan, init, files.archives[i]?.source ?? '');
    },
    async renewParts() {
      for (const part of partsWithLogin(plan, secrets)) {
        const { container, engine } = part;
        const found = (await inspectContainers([part])).get(container);
        if (found?.State.Status === 'running')
          await docker(['restart', '--time', '5', container], { engine });
      }
    },
  };
}

/** Fills the volumes with the archive. @throws KitError `ROTATION_REFUSED` if the init container is missing */
async function unpack({ environment }: DockerPlan, init: DockerPlan['init'], archive: string): Promise<void> {
  const { container, engine } = init;
  if (!(await inspectContainers([init])).has(container)) {
    throw new KitError(`container ${container}, which writes the files of the nodes, does not exist`, {
      code: 'ROTATION_REFUSED',
      exitCode: EXIT.NO_GO,
      hint: `${cdktfCommand('deploy', environment)} creates it`,
    });
  }
  await docker(['cp', archive, `${container}:/conf.tar`], { engine });
  await docker(['start', '--attach', container], { engine });
}

/** Returns the containers, other than nodes, that read a rotated password at startup. */
function partsWithLogin(plan: DockerPlan, secrets: EnvironmentSecrets): readonly PlannedContainer[] {
  const rotated = new Set(
    (['redis', 'sentinel'] as const).flatMap((role) =>
      rotatedAccounts(role, secrets).map(({ user }) => user),
    ),
  );
  return [
    // For targets in the format of earlier versions, the exporter logs in to the sentinels as `app`.
    ...(rotated.has('exporter') || rotated.has('app') ? [plan.exporter] : []),
    ...(rotated.has('app') ? [plan.commander] : []),
    ...(rotated.has(WATCHDOG) && plan.watchdog !== undefined ? [plan.watchdog] : []),
  ];
}
