import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import { substrateOf } from '../harness/registry.ts';
import { planTopology } from '../infra/topology.ts';
import { environmentText, environmentView } from './environment-view.ts';
import * as common from './options.ts';
import { answer, examples, type Session, stateDir } from './session.ts';

/** A look and no wait, but for a sentinel that is just told of a change. */
const SETTLE_MS = 1_000;

/** `kit status`: what runs. Ends 0 when all of it does and is of one mind, else 1. */
export function status(program: Command, session: Session): void {
  program
    .command('status')
    .summary('what runs, where, and who is master')
    .description(
      'Shows the nodes of an environment. Exit 0: all run, one is master, the others follow it; 1: not so.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(common.set())
    .addOption(common.json())
    .addHelpText('after', examples(['kit status', 'dev'], ['kit status --json | jq .nodes', 'for programs']))
    .action(async (options: common.EnvironmentOptions) => {
      const config = loadEnvironment(options.env, options.set);
      const substrate = await substrateOf(options.substrate, { stateDir: stateDir() });
      const environment = await substrate.open(planTopology(config));
      if (environment === undefined) {
        session.exitCode = EXIT.NO_GO;
        answer(
          session,
          { environment: config.name, running: false, nodes: [] },
          `${config.name}: not running`,
        );
        return;
      }
      try {
        const view = await environmentView(environment, SETTLE_MS);
        session.exitCode = view.healthy ? EXIT.GO : EXIT.NO_GO;
        answer(session, view, environmentText(view));
      } finally {
        await environment[Symbol.asyncDispose]();
      }
    });
}
