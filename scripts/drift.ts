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
    .summary('show differences between the Docker engine and the deployment')
    .description(
      'Show every difference and the effect of the next apply. Changes nothing.\nExit code 0: no differences; 1: differences.',
    )
    .addOption(common.environment())
    .addOption(common.json())
    .addHelpText('after', examples(['kit drift --env dev', 'check before a deploy, or on a schedule']))
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
        `  the next apply ${nextApply}${remedy === '' ? '' : `; remedy: ${remedy}`}`,
      ]);
      const none = `${topology.environment.name}: no drift`;
      printResult(session, { environment: topology.environment.name, findings }, lines.join('\n') || none);
    });
}
