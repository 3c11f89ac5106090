/**
 * `--adopt`: takes over an environment that another checkout owns. Prompts on a terminal; a script passes the id of the
 * owner instead.
 */
import { Option } from 'commander';
import { KitError } from '../config/errors.ts';
import type { Adopt, ForeignEnvironment } from '../infra/substrates/substrate.ts';
import { confirm } from './confirm.ts';
import { nonEmpty } from './options.ts';
import type { Session } from './session.ts';

/** Value that commander passes: `true` if the option was given without a value. */
export type AdoptOption = string | true | undefined;

export const adopt = () =>
  new Option(
    '--adopt [owner]',
    'docker: take over an environment of another checkout (prompts unless an owner id is given)',
  ).argParser(nonEmpty);

/**
 * Returns the confirmation for a substrate; undefined without the option.
 *
 * @throws KitError `USAGE` for a substrate whose environments have no owners
 */
export function adoptionOf(option: AdoptOption, substrate: string, session: Session): Adopt | undefined {
  if (option === undefined) return undefined;
  if (substrate !== 'docker') {
    throw new KitError(`--adopt requires --substrate docker, got ${substrate}`, {
      code: 'USAGE',
      where: 'command line',
      hint: 'add --substrate docker, or remove the option',
    });
  }
  return async (foreign) => {
    if (option === true) return await confirmAdoption(foreign, session);
    if (option === foreign.owner) return true;
    throw new KitError(
      `environment '${foreign.environment}' belongs to owner ${foreign.owner}, not to ${option}`,
      {
        code: 'ADOPTION_UNCONFIRMED',
        where: foreign.place,
        hint: `to take over this environment, pass --adopt=${foreign.owner}`,
      },
    );
  };
}

function confirmAdoption(
  { environment, owner, place, parts }: ForeignEnvironment,
  session: Session,
): Promise<boolean> {
  const containers = parts.filter((part) => part.startsWith('container '));
  return confirm(session, {
    refusal: `environment '${environment}' belongs to another checkout: the takeover must be confirmed`,
    consequence: `'${environment}' belongs to ${place}.\nContainers to be stopped and removed: ${containers.join(', ')}`,
    word: environment,
    action: 'take it over',
    code: 'ADOPTION_UNCONFIRMED',
    where: place,
    hint: `run the command in a terminal to be prompted, or pass --adopt=${owner}`,
  });
}
