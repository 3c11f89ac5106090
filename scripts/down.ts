import type { Command } from 'commander';
import { environmentNames, loadEnvironment } from '../config/load.ts';
import { substrateOf } from '../harness/registry.ts';
import * as common from './options.ts';
import { answer, examples, type Session, stateDir } from './session.ts';

/** `kit down`: ends an environment and what a crashed run left of it. */
export function down(program: Command, session: Session): void {
  program
    .command('down')
    .summary('end an environment and remove its data')
    .description(
      'Ends an environment and removes its data, and ends what a crashed run left. Nothing there: not an error.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(common.json())
    .addHelpText('after', examples(['kit down', 'dev'], ['kit down --env production', 'its data too']))
    .action(async (options: common.EnvironmentOptions) => {
      // by name alone: an environment whose YAML is broken now can still be ended
      const name = environmentNames().includes(options.env) ? options.env : loadEnvironment(options.env).name;
      const substrate = await substrateOf(options.substrate, { stateDir: stateDir() });
      const { ended, removed } = await substrate.destroy(name);
      const text =
        ended.length + removed.length === 0
          ? `${name}: nothing to end`
          : `${name}: ended ${ended.length === 0 ? 'nothing' : ended.join(', ')}; removed ${removed.length} path(s)`;
      answer(session, { environment: name, ended, removed }, text);
    });
}
