import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import { planTopology } from '../infra/topology.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/** `kit drift`: shows differences between the engine and the last deploy. Changes nothing. */
export function drift(program: Command, session: Session): void {
  program
    .command('drift')
    .summary('what differs on the Docker engine from what was deployed')
    .description(
      'Names every difference and what the next apply would do about it. Changes nothing. Exit 0: none; 1: some.',
    )
    .addOption(common.environment())
    .addOption(common.json())
    .addHelpText('after', examples(['kit drift --env dev', 'before a deploy, or at night']))
    .action(async (options: Pick<common.EnvironmentOptions, 'env'>) => {
      const topology = planTopology(loadEnvironment(options.env));
      const [{ findDrift }, { planDocker }] = await Promise.all([
        import('../infra/substrates/docker/drift.ts'),
        import('../infra/substrates/docker/plan.ts'),
      ]);
      const findings = await findDrift(planDocker(topology), stateDir());
      session.exitCode = findings.length === 0 ? EXIT.GO : EXIT.NO_GO;
      const lines = findings.flatMap(({ what, kind, found, expected, nextApply, remedy }) => [
        `${what}  ${kind}: ${found}, expected: ${expected}`,
        `  the next apply ${nextApply}${remedy === '' ? '' : `; do: ${remedy}`}`,
      ]);
      const none = `${topology.environment.name}: no drift`;
      printResult(session, { environment: topology.environment.name, findings }, lines.join('\n') || none);
    });
}
