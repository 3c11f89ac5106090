/**
 * Destroys an environment faster than plain `cdktf destroy`, where the provider waits 2 s before it removes a network
 * or a volume (docs/decisions/020-cdktf.md lists the times for both).
 *
 *   1. Terraform removes the containers (`destroy -target`)
 *   2. the engine removes the networks and volumes in the state, all at once
 *   3. Terraform removes them from its state (`state rm`)
 *   if a step fails, or no container is left: Terraform runs the whole destroy
 *
 * At each step the state lists at least the existing resources, so that any destroy, including plain `cdktf destroy`,
 * finds everything after an interruption.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { docker, tryDocker } from './engine.ts';
import {
  addressesIn,
  backendDir,
  type Deployed,
  type EngineResource,
  engineResourcesIn,
  readState,
  type State,
  type StateOptions,
  stateFile,
} from './state.ts';
import { environmentDir } from './state-files.ts';
import { cdktf, requireDestroyable, runVerb, type TerraformOptions } from './terraform.ts';
import { destroyArgs, runTerraform } from './terraform-cli.ts';
import { knownTerraformError } from './terraform-errors.ts';

/**
 * Removes all resources that Terraform owns.
 *
 * @throws KitError `PROTECTED`, `NETWORK_IN_USE`, `VOLUME_IN_USE`, and the errors of a deploy
 */
export async function destroy(environment: EnvironmentConfig, options: TerraformOptions): Promise<void> {
  requireDestroyable(environment, options.allowDestroy);
  // Removal by id works only for a single engine; if there are several, Terraform destroys everything instead.
  const isRemoved = environment.hosts === undefined && (await destroyContainersFirst(environment, options));
  if (!isRemoved) await cdktf('destroy', environment, options);
}

/**
 * Destroys the containers first. @returns false if a step failed: then Terraform runs the whole destroy and reports the
 * error
 */
async function destroyContainersFirst(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<boolean> {
  const state = await readState(environment, options);
  const containers = addressesIn(state, 'docker_container');
  if (containers.length === 0) {
    // Terraform would wait half a minute for the container that uses a resource, and would not name that container.
    await requireUnused(state);
    return false;
  }
  const targets = containers.map((address) => `-target=${address}`);
  // Requests JSON output, because the command line is slow to render the long text of a plan.
  const variables = { TF_CLI_ARGS_destroy: [destroyArgs(), '-json', ...targets].join(' ') };
  let removal: Promise<boolean> | undefined;
  const removeRest = async () =>
    (await removeUnused(state)) && (await removeAllFromState(environment, options));
  let output = '';
  const onOutput = (piece: string) => {
    output = (output + piece).slice(-1_000);
    if (removal !== undefined || !output.includes('Destroy complete!')) return;
    // Terraform still needs a moment to exit.
    removal = removeRest();
  };
  try {
    const record = await runVerb('destroy', environment, { ...options, onOutput }, variables);
    return record.exitCode === 0 && (await (removal ?? removeRest()));
  } finally {
    // The error above is reported; the removal must not continue in the background.
    await removal?.catch(() => {});
  }
}

/**
 * Removes the outputs of an environment and all its resources from the state. The resources no longer exist. Runs in a
 * folder without the plugin, because Terraform would otherwise verify the plugin's checksum several times.
 *
 * @returns whether it succeeded
 * @throws KitError `STATE_LOCKED` if the state has containers: they belong to another deploy, which was waiting for
 * this one
 */
async function removeAllFromState(environment: Deployed, options: StateOptions): Promise<boolean> {
  const state = await readState(environment, options);
  if (addressesIn(state, 'docker_container').length > 0)
    throw knownTerraformError('STATE_LOCKED', `environment ${environment.name}`);
  const { name } = environment;
  const file = stateFile(environment, options.stateDir);
  const at = file === undefined ? [] : [`-state=${file}`];
  const home = environmentDir(options.stateDir, name);
  const cwd = file === undefined ? backendDir(options.stateDir, name) : home;
  const backup = join(home, 'terraform.tfstate.forgotten');
  const call = async (args: readonly string[]) =>
    (await runTerraform([...args], cwd, options)).exitCode === 0;
  const addresses = addressesIn(state);
  try {
    return (
      (addresses.length === 0 || (await call(['state', 'rm', ...at, `-backup=${backup}`, ...addresses]))) &&
      (await call([
        'apply',
        '-destroy',
        '-auto-approve',
        '-input=false',
        ...at,
        ...(file === undefined ? [] : ['-backup=-']),
      ]))
    );
  } finally {
    rmSync(backup, { force: true });
  }
}

type Kind = 'network' | 'volume';

/**
 * Removes the networks and volumes all at once, by their ids in the state.
 *
 * @returns false if something could not be removed although no container uses it
 * @throws KitError `NETWORK_IN_USE`, `VOLUME_IN_USE`
 */
async function removeUnused(state: State): Promise<boolean> {
  const removed = await Promise.all([
    removeResources('network', engineResourcesIn(state, 'docker_network'), []),
    // A missing volume does not count as a failure, but a missing network does.
    removeResources('volume', engineResourcesIn(state, 'docker_volume'), ['--force']),
  ]);
  if (removed.every((done) => done)) return true;
  await requireUnused(state);
  return false;
}

async function removeResources(
  kind: Kind,
  known: readonly EngineResource[],
  force: readonly string[],
): Promise<boolean> {
  if (known.length === 0) return true;
  const record = await tryDocker([kind, 'rm', ...force, ...known.map(({ id }) => id)]);
  return record.exitCode === 0;
}

/**
 * Checks that no container uses the resources. @throws KitError `NETWORK_IN_USE`, `VOLUME_IN_USE` with the resource,
 * the containers that use it, and the remedy
 */
async function requireUnused(state: State): Promise<void> {
  for (const { id, name } of engineResourcesIn(state, 'docker_network')) {
    const holders = await holdersOf('network', id);
    const hint = holders.map((holder) => `docker network disconnect ${name} ${holder}`).join('; ');
    if (holders.length > 0) throw inUse('network', name, holders, hint);
  }
  for (const { id } of engineResourcesIn(state, 'docker_volume')) {
    const holders = await holdersOf('volume', id);
    const hint = `docker rm --force ${holders.join(' ')}`;
    if (holders.length > 0) throw inUse('volume', id, holders, hint);
  }
}

async function holdersOf(kind: Kind, id: string): Promise<readonly string[]> {
  const text = await docker(['ps', '--all', '--filter', `${kind}=${id}`, '--format', '{{.Names}}']);
  return text === '' ? [] : text.split('\n');
}

const inUse = (kind: Kind, name: string, holders: readonly string[], hint: string): KitError =>
  new KitError(`a ${kind} cannot be removed while a container uses it: ${holders.join(', ')}`, {
    code: kind === 'network' ? 'NETWORK_IN_USE' : 'VOLUME_IN_USE',
    where: `${kind} ${name}`,
    hint: `${hint}; then retry`,
  });
