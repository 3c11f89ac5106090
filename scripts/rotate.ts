import { type Command, InvalidArgumentError, Option } from 'commander';
import { ROTATABLE_USERS } from '../config/password-rotation.ts';
import {
  describeUsers,
  ROTATION_STEPS,
  type RotationReport,
  type RotationStep,
  rotateCommand,
  rotatePasswords,
} from '../infra/operations/password-rotation.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import { lockEnvironment } from '../infra/substrates/registry.ts';
import { requireConfirmation } from './confirm.ts';
import type { FindOptions } from './find-environment.ts';
import * as common from './options.ts';
import { withRunning } from './running-environment.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

interface RotateOptions extends FindOptions {
  readonly user?: readonly string[];
  readonly phase: RotationStep;
  readonly yes?: true;
}

/**
 * `kit rotate`: replaces passwords of a running environment. For some time the nodes accept the previous ones as well.
 */
export function rotate(program: Command, session: Session): void {
  program
    .command('rotate')
    .summary('replace passwords without refusing a client')
    .description(
      'Generate new passwords. begin: every node accepts the new and the previous ones, and the new ones are in the secrets file. finish: every node refuses the previous ones; open connections stay open. all: both steps. cancel: the previous ones are current again, the new ones are refused. An interrupted rotation continues with the same command.\nall is for environments whose clients read the password at each connect. Otherwise give the new passwords to the clients between begin and finish. kit apply replaces certificates.\nExit code 0: done; 1: refused, nothing was changed; 3: incomplete, run it again.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(
      new Option(
        '--user <name>',
        `${ROTATABLE_USERS.join(', ')} or all (repeatable; default: all, or the users of the rotation in progress)`,
      ).argParser(parseUser),
    )
    .addOption(new Option('--phase <name>', 'steps to take').choices(ROTATION_STEPS).default('all'))
    .addOption(new Option('--yes', 'do not prompt for a protected environment'))
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit rotate --env dev', 'all passwords of dev'],
        ['kit rotate --user app --phase begin', 'then restart the applications with the new password'],
        ['kit rotate --phase finish', 'then refuse the previous passwords'],
      ),
    )
    .action((options: RotateOptions) =>
      withRunning(options, async (environment) => {
        await confirmRotation(session, environment, options);
        const held = await lockEnvironment(environment.substrate, environment.name, stateDir());
        try {
          const report = await rotatePasswords(environment, {
            ...{ step: options.phase, users: options.user, signal: session.signal },
            progress: (line) => session.terminal.progress(line),
          });
          const { name: of } = environment;
          printResult(session, { environment: of, ...report }, reportText(environment, report));
        } finally {
          held[Symbol.dispose]();
        }
      }),
    );
}

function parseUser(name: string, before: readonly string[] = []): readonly string[] {
  if (name === 'all') return ROTATABLE_USERS;
  if (!ROTATABLE_USERS.includes(name)) {
    throw new InvalidArgumentError(`Must be one of ${ROTATABLE_USERS.join(', ')}, all.`);
  }
  return [...new Set([...before, name])];
}

/**
 * Asks for confirmation. @throws KitError UNCONFIRMED if the environment is protected and there is no terminal, or if
 * the user does not confirm
 */
async function confirmRotation(
  session: Session,
  { name, topology }: Environment,
  { yes, phase }: RotateOptions,
): Promise<void> {
  if (yes || phase === 'cancel' || !topology.environment.docker.protected) return;
  const what = CONSEQUENCES[phase].replace('NAME', name);
  await requireConfirmation(session, { what, word: name, action: 'continue' });
}

const CONSEQUENCES: Readonly<Record<Exclude<RotationStep, 'cancel'>, string>> = {
  all: "the nodes of the protected environment 'NAME' refuse its current passwords afterwards",
  begin: "the secrets file of the protected environment 'NAME' gets new passwords",
  finish: "the nodes of the protected environment 'NAME' refuse its previous passwords afterwards",
};

function reportText({ name, access, topology }: Environment, report: RotationReport): string {
  const { state, users, stopped, connections, tookMs } = report;
  const file = access?.passwords ?? 'the secrets file';
  const heads: Readonly<Record<RotationReport['state'], string>> = {
    both: `the nodes accept the new and the previous passwords of ${describeUsers(users)}`,
    finished: `new passwords of ${describeUsers(users)}; the nodes refuse the previous ones`,
    cancelled: `the passwords of ${describeUsers(users)} are those from before the rotation`,
  };
  return [
    `${name}: ${heads[state]} (${(tookMs / 1_000).toFixed(1)} s)`,
    ...(state === 'cancelled' ? [] : [`  new passwords: ${file}`]),
    ...(stopped.length === 0 ? [] : [`  not running, only their files were changed: ${stopped.join(', ')}`]),
    ...connections.map(
      ({ user, open, older }) =>
        `  ${user}: ${open} open connections, ${older} of them older than the rotation`,
    ),
    ...(state === 'both'
      ? [`  give the new passwords to the clients, then: ${rotateCommand(topology.environment, 'finish')}`]
      : []),
  ].join('\n');
}
