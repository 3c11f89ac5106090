import { type Command, Option } from 'commander';
import { drillsNamed } from '../harness/registry.ts';
import { addAttachOptions, anySubstrate } from './attach-options.ts';
import { catalogueText } from './catalogue.ts';
import { judgedRun, type RunOptions } from './judged-run.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

/** `kit drill`: runs some or all drills, judged by their gates. */
export function drill(program: Command, session: Session): void {
  const command = program
    .command('drill')
    .summary('some drills alone; --list shows them')
    .description(
      'Runs the named drills (all without a name) and judges them by the gates that ask about them.',
    )
    .argument('[id...]', 'drills, as kit drill --list names them')
    .addOption(new Option('--list', 'print the catalogue and end'))
    .addOption(common.trials())
    .addOption(common.environment())
    .addOption(anySubstrate())
    .addOption(common.set())
    .addOption(common.profile())
    .addOption(common.seed())
    .addOption(common.retries(0))
    .addOption(common.out())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit drill --list', 'what there is'],
        ['kit drill master-crash master-hang', 'two of them'],
        ['kit drill master-crash --trials 20', 'twenty times'],
      ),
    )
    .action(async (ids: readonly string[], options: RunOptions & { readonly list?: true }) => {
      if (options.list === true)
        return printResult(
          session,
          drillsNamed('all'),
          catalogueText(drillsNamed('all'), session.terminal.width),
        );
      const asked = ids.length === 0 ? 'all' : drillsNamed(ids).map(({ id }) => id);
      await judgedRun(session, 'drill', options, asked);
    });
  addAttachOptions(command);
}
