import type { Command } from 'commander';
import { isEnvironmentName, loadEnvironment } from '../config/load.ts';
import { lockEnvironment, type SubstrateName, substrateOf } from '../infra/substrates/registry.ts';
import type { DestroyOptions, DestroyReport } from '../infra/substrates/substrate.ts';
import { type AdoptOption, adopt, adoptionOf } from './adopt.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/**
 * `kit down`: stops an environment and cleans up after a crashed run. It refuses to stop an environment that a run is
 * still using, because that would look like a Redis failure and cause a false no-go.
 */
export function down(program: Command, session: Session): void {
  program
    .command('down')
    .summary('stop an environment and remove its data')
    .description(
      'Stop an environment, remove its data, and clean up after a crashed run. Succeeds if nothing is running.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(adopt())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(['kit down', 'dev'], ['kit down --env production', 'stop it and remove its data']),
    )
    .action(async (options: common.EnvironmentOptions & { readonly adopt?: AdoptOption }) => {
      const adoption = adoptionOf(options.adopt, options.substrate, session);
      // by name only: an environment with an invalid YAML file can still be stopped
      const isKnown = isEnvironmentName(options.env);
      const configuration = isKnown ? undefined : loadEnvironment(options.env);
      const name = configuration?.name ?? options.env;
      const { ended, removed } = await destroyEnvironment(options.substrate, name, {
        adopt: adoption,
        configuration,
      });
      const text =
        ended.length + removed.length === 0
          ? `${name}: nothing to stop`
          : `${name}: stopped ${ended.length === 0 ? 'nothing' : ended.join(', ')}; removed ${removed.length} path(s)`;
      printResult(session, { environment: name, ended, removed }, text);
    });
}

async function destroyEnvironment(
  substrate: SubstrateName,
  name: string,
  options: DestroyOptions,
): Promise<DestroyReport> {
  const held = await lockEnvironment(substrate, name, stateDir(), true);
  try {
    return await (await substrateOf(substrate, { stateDir: stateDir() })).destroy(name, options);
  } finally {
    held[Symbol.dispose]();
  }
}
