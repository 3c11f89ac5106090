import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import type { DoctorCheck } from '../infra/substrates/doctor.ts';
import { checkMachine } from '../infra/substrates/registry.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

/** `kit doctor`: checks this machine. Changes nothing. */
export function doctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .summary('check the requirements of this machine')
    .description(
      'Check the requirements of this machine without starting anything.\nExit code 0: met (warnings are allowed); 1: not met.',
    )
    .addOption(common.substrate())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit doctor', 'redis-server, addresses, kernel, disk, leftovers'],
        ['kit doctor --substrate docker', 'check the engine, Terraform, its plugin and the images'],
      ),
    )
    .action(async (options: Pick<common.EnvironmentOptions, 'substrate'>) => {
      const checks = await checkMachine(options.substrate, stateDir());
      session.exitCode = checks.some(({ state }) => state === 'fail') ? EXIT.NO_GO : EXIT.GO;
      printResult(session, { checks }, checksText(checks));
    });
}

function checksText(checks: readonly DoctorCheck[]): string {
  const width = Math.max(...checks.map(({ id }) => id.length));
  return checks
    .flatMap(({ id, state, found, remedy }) => [
      `${state.padEnd(4)}  ${id.padEnd(width)}  ${found}`,
      ...(remedy === '' ? [] : [`${' '.repeat(6 + width)}  fix: ${remedy}`]),
    ])
    .join('\n');
}
