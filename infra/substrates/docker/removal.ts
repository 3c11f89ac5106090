/** The engine's part of a destroy: removes the networks and volumes in the state after the containers. */
import { KitError } from '../../../config/errors.ts';
import { docker, tryDocker } from './engine.ts';
import { type EngineResource, engineResourcesIn, type State } from './state.ts';

type Kind = 'network' | 'volume';

/**
 * Removes all at once, by their ids in the state.
 *
 * @returns false if something could not be removed although no container uses it
 * @throws KitError `NETWORK_IN_USE`, `VOLUME_IN_USE`
 */
export async function removeUnused(state: State): Promise<boolean> {
  const removed = await Promise.all([
    remove('network', engineResourcesIn(state, 'docker_network'), []),
    // A missing volume is not a failure; a missing network is one.
    remove('volume', engineResourcesIn(state, 'docker_volume'), ['--force']),
  ]);
  if (removed.every((done) => done)) return true;
  await requireUnused(state);
  return false;
}

async function remove(
  kind: Kind,
  known: readonly EngineResource[],
  force: readonly string[],
): Promise<boolean> {
  if (known.length === 0) return true;
  const record = await tryDocker([kind, 'rm', ...force, ...known.map(({ id }) => id)]);
  return record.exitCode === 0;
}

/** @throws KitError `NETWORK_IN_USE`, `VOLUME_IN_USE` with the resource, the containers that use it, and the remedy */
export async function requireUnused(state: State): Promise<void> {
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
