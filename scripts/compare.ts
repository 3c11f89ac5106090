import { type Command, Option } from 'commander';
import { EXIT } from '../config/errors.ts';
import { judgeInThread } from '../harness/judge/thread/index.ts';
import { comparisonText } from './comparison-text.ts';
import { type ModuleOptions, modulesOf } from './extensions.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface CompareOptions extends ModuleOptions {
  readonly force?: true;
}

/** `kit compare`: lists the criteria that became better or worse by more than the noise. */
export function compare(program: Command, session: Session): void {
  program
    .command('compare')
    .summary('compare two recorded runs')
    .description(
      'Judge two runs again and list the criteria that became better or worse beyond noise.\nExit code 0: nothing is worse; 1: something is worse; 3: not comparable.',
    )
    .argument('<baseline>', 'run folder to compare with')
    .argument('<run>', 'run folder')
    .addOption(
      new Option(
        '--force',
        'compare although servers, configuration, machine or kit differ; list the differences',
      ),
    )
    .addOption(common.modules())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit compare runs/<before> runs/<after>', 'list changes beyond noise'],
        ['kit compare runs/<a> runs/<b> --force --json', 'compare different machines, as JSON'],
      ),
    )
    .action(async (baseline: string, run: string, options: CompareOptions) => {
      const comparison = await judgeInThread('compare', [baseline, run, { force: options.force === true }], {
        ...{ modules: modulesOf(options), signal: session.signal },
      });
      session.exitCode = comparison.counts.worse > 0 ? EXIT.NO_GO : EXIT.GO;
      printResult(session, comparison, comparisonText(comparison));
    });
}
