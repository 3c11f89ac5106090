import { type Command, Option } from 'commander';
import {
  CLIENT_NAMES,
  clientsNamed,
  DEFAULT_CLIENTS,
  drillsNamed,
  MAX_SOAK_HOURS,
  MAX_STORM_MINUTES,
} from '../harness/registry.ts';
import { catalogueText } from './catalogue.ts';
import { useModules } from './extensions.ts';
import { addExternalOptions, anySubstrate } from './external-options.ts';
import { judgedRun, type RunOptions } from './judged-run.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

const DRILL_EXAMPLES = examples(
  ['kit drill --list', 'print the catalogue'],
  ['kit drill master-crash master-hang', 'run two drills'],
  ['kit drill master-crash --trials 20', 'run 20 trials'],
  ['kit drill master-crash --trials 10 --pool runs/pool', 'add 10 trials to the trials of earlier runs'],
  ['kit drill master-crash --clients all', 'compare with every stock client'],
  ['kit drill storm --minutes 30 --seed 7', 'inject random faults for half an hour'],
  ['kit drill soak --hours 8', 'look for leaks overnight'],
);

type DrillOptions = Omit<RunOptions, 'clients'> & {
  readonly list?: true;
  readonly clients?: readonly string[] | 'all';
};

/** `kit drill`: runs some or all drills, and judges them by their gates. */
export function drill(program: Command, session: Session): void {
  const command = program
    .command('drill')
    .summary('run drills; --list shows the catalogue')
    .description('Run the named drills (default: all) and judge them by their gates.')
    .argument('[id...]', 'drill ids from kit drill --list')
    .addOption(new Option('--list', 'print the catalogue and exit'))
    .addOption(common.trials())
    .addOption(minutes())
    .addOption(hours())
    .addOption(clients())
    .addOption(common.environment())
    .addOption(anySubstrate())
    .addOption(common.set())
    .addOption(common.profile())
    .addOption(common.gates())
    .addOption(common.modules())
    .addOption(common.seed())
    .addOption(common.retries(0))
    .addOption(common.out().conflicts('pool'))
    .addOption(
      new Option(
        '--pool <dir>',
        'keep the run below this folder and pool its trials with the trials of the same configuration there',
      ).argParser(common.nonEmpty),
    )
    .addOption(common.baseline())
    .addOption(common.json())
    .addHelpText('after', DRILL_EXAMPLES)
    .action(async (ids: readonly string[], { clients: named, ...options }: DrillOptions) => {
      await useModules(options);
      if (options.list === true)
        return printResult(
          session,
          drillsNamed('all'),
          catalogueText(drillsNamed('all'), session.terminal.width),
        );
      const asked = ids.length === 0 ? 'all' : drillsNamed(ids).map(({ id }) => id);
      const compared = named === undefined ? {} : { clients: clientsNamed(named) };
      await judgedRun(session, 'drill', { ...options, ...compared }, asked);
    });
  addExternalOptions(command);
}

const minutes = () =>
  new Option('--minutes <n>', 'length of drill storm (default: 5)').argParser(
    common.integer(1, MAX_STORM_MINUTES),
  );

const hours = () =>
  new Option('--hours <n>', 'length of drills soak and http-soak (default: 2 minutes, 1 hour)').argParser(
    common.decimal(0.001, MAX_SOAK_HOURS),
  );

const clients = () =>
  new Option(
    '--clients <list>',
    `clients to compare, separated by commas, or all (default: ${DEFAULT_CLIENTS.join(',')}; known: ${CLIENT_NAMES.join(', ')}, and those of extension modules)`,
  ).argParser(clientList);

/** Splits the list. The names are checked once the extension modules are loaded. */
function clientList(text: string): readonly string[] | 'all' {
  return text === 'all' ? text : text.split(',').map((name) => name.trim());
}
