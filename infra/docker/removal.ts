/** The engine's part of a destroy: the networks and volumes that a state knows, when the containers are gone. */
import { KitError } from '../../config/errors.ts';
import { docker, tryDocker } from './engine.ts';
import { type Known, knownIn, type State } from './state.ts';

/**
 * All at once, by what the engine calls them in the state.
 *
 * @returns false where something could not be removed, and nobody holds it
 * @throws KitError `NETWORK_IN_USE`, `VOLUME_IN_USE`: a container that is not the environment's
 */
export async function removeUnused(state: State): Promise<boolean> {
  const removed = await Promise.all([
    remove('network', knownIn(state, 'docker_network'), []),
    // A volume that is gone already is no failure; of a network it is one.
    remove('volume', knownIn(state, 'docker_volume'), ['--force']),
  ]);
  return removed.every((done) => done);
}

async function remove(
  kind: 'network' | 'volume',
  known: readonly Known[],
  force: readonly string[],
): Promise<boolean> {
  if (known.length === 0) return true;
  const { exitCode } = await tryDocker([kind, 'rm', ...force, ...known.map(({ id }) => id)]);
  if (exitCode !== 0) await requireUnused(kind, known);
  return exitCode === 0;
}

async function requireUnused(kind: 'network' | 'volume', known: readonly Known[]): Promise<void> {
  for (const { id, name } of known) {
    const text = await docker(['ps', '--all', '--filter', `${kind}=${id}`, '--format', '{{.Names}}']);
    if (text === '') continue;
    const holders = text.split('\n').join(' ');
    throw new KitError(`a ${kind} of the environment is in use by what is not its own: ${holders}`, {
      code: kind === 'network' ? 'NETWORK_IN_USE' : 'VOLUME_IN_USE',
      where: `${kind} ${name}`,
      hint: `docker rm --force ${holders}, then destroy again`,
    });
  }
}
