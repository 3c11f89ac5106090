/**
 * Removes the remains of an interrupted deploy of this checkout: its own containers and networks that are not in the
 * state. It also removes all containers in such a network, even those in the state: the next deploy would leave them
 * without a network. Volumes are kept.
 */
import type { EnvironmentConfig } from '../../../config/schema.ts';
import { docker, labelledIds } from './engine.ts';
import { type EnginePart, readOwnership } from './ownership.ts';
import { LABEL } from './plan.ts';
import { idsIn, readState } from './state.ts';
import { requireUnlocked, type TerraformOptions } from './terraform.ts';

/** Maximum number of rounds. The engine has usually finished the requests of a killed deploy after the first round. */
const ROUNDS = 5;

type Part = Pick<EnginePart, 'kind' | 'id' | 'name' | 'engine'>;

/** Removes the remains. @throws KitError `STATE_LOCKED` while another deploy is running */
export async function removeOrphans(
  environment: EnvironmentConfig,
  options: TerraformOptions,
  progress: (line: string) => void,
): Promise<void> {
  // The engine may still execute requests of a killed deploy: check again after each round.
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await remainingParts(environment, options);
    if (before.length === 0) return;
    // A running deploy writes its parts to the state late, but holds the lock. Parts that existed while the lock was
    // free and are still missing from the state afterwards belong to no deploy.
    await requireUnlocked(environment, options);
    const after = new Set((await remainingParts(environment, options)).map(({ id }) => id));
    const left = before.filter((part) => after.has(part.id));
    await removeParts(left, ({ kind, name }) =>
      progress(`removing ${kind} ${name}, which an interrupted deploy left`),
    );
  }
}

/** Removes containers, then networks, then volumes, one at a time, so that the error reports the first refusal. */
export async function removeParts(
  parts: readonly Part[],
  onRemoval: (part: Part) => void = () => {},
): Promise<void> {
  const order = ['container', 'network', 'volume'] as const;
  for (const part of order.flatMap((kind) => parts.filter((each) => each.kind === kind))) {
    onRemoval(part);
    await docker([...REMOVAL[part.kind], part.id], { engine: part.engine });
  }
}

const REMOVAL = {
  container: ['rm', '--force'],
  network: ['network', 'rm'],
  volume: ['volume', 'rm', '--force'],
} as const;

async function remainingParts(
  environment: EnvironmentConfig,
  options: TerraformOptions,
): Promise<readonly Part[]> {
  const state = await readState(environment, options);
  const inState = idsIn(state);
  const { own } = await readOwnership(environment, options.stateDir, async () => inState);
  const left = own.filter(({ kind, id }) => kind !== 'volume' && !inState.has(id));
  const networks = left.filter(({ kind }) => kind === 'network');
  const label = `${LABEL.environment}=${environment.name}`;
  const inThem = await Promise.all(
    networks.map(async ({ id, engine }): Promise<readonly Part[]> => {
      const parts = await labelledIds('container', label, id, engine);
      return engine === undefined ? parts : parts.map((part) => ({ ...part, engine }));
    }),
  );
  return [...new Map([...left, ...inThem.flat()].map((part) => [part.id, part])).values()];
}
