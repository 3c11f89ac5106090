import { Argument, type Command, Option } from 'commander';
import { EXIT } from '../config/errors.ts';
import { openCacheData } from './cache/cache-data.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { findStrategies } from './cache/strategy-source.ts';
import { listedText, listStrategies, runWarming, warmedText } from './cache/warming-run.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface WarmOptions extends DataOptions {
  readonly module?: string;
  readonly list?: true;
}

/** `kit warm [STRATEGY]`: fills a cache with the warming strategies of the application. */
export function warm(program: Command, session: Session): void {
  const command = program
    .command('warm')
    .summary('fill the cache with the strategies of the application')
    .description(
      'Run the warming strategies of a module (default: the modules of kit.yaml) by priority, or only the named strategy. A value overwrites an existing entry; a function is called only if the entry is absent.\nExit code 0: every entry was warmed; 1: some failed.',
    )
    .addArgument(new Argument('[strategy]', 'name of one strategy (default: all that run on demand)'))
    .addOption(
      new Option(
        '--module <file>',
        'module that exports `strategies`; its code is executed (default: the modules of kit.yaml)',
      ).argParser(common.nonEmpty),
    )
    .addOption(new Option('--list', 'show the strategies and run none'))
    .addHelpText(
      'after',
      examples(
        ['kit warm', 'run the strategies of the modules of kit.yaml on dev'],
        ['kit warm --module warming.ts', 'run the strategies of one module'],
        ['kit warm prices --module warming.ts --env staging', 'one strategy'],
        ['kit warm --module warming.ts --list', 'show the strategies'],
      ),
    )
    .action(async (strategy: string | undefined, options: WarmOptions) => {
      const source = await findStrategies(options.module);
      await using data = await openCacheData(options);
      if (options.list) {
        const strategies = await listStrategies(data, source);
        printResult(session, { name: data.name, strategies }, listedText(data.name, strategies));
        return;
      }
      const { signal, terminal } = session;
      const progress = (line: string) => terminal.progress(line);
      const reports = await runWarming(data, { source, strategy, signal, progress });
      session.exitCode = reports.every(({ failed }) => failed === 0) ? EXIT.GO : EXIT.NO_GO;
      printResult(session, { name: data.name, strategies: reports }, warmedText(data.name, reports));
    });
  addDataOptions(command, 'reads');
}
