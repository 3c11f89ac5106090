import type { Command } from 'commander';
import { judgeInThread } from '../harness/judge/thread/index.ts';
import { renderJson, renderTerminal } from '../harness/reports/index.ts';
import { type ModuleOptions, modulesOf } from './extensions.ts';
import * as common from './options.ts';
import { examples, type Session } from './session.ts';

/** `kit analyze`: judges a recorded run again, using only its folder. Changes nothing. */
export function analyze(program: Command, session: Session): void {
  const { terminal } = session;
  program
    .command('analyze')
    .summary('re-judge a recorded run')
    .description(
      'Judge the evidence of a run again with its recorded gates and time, and print the report.\nExit code: that of the verdict, as for readiness.',
    )
    .argument('<dir>', 'run folder')
    .addOption(common.modules())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit analyze runs/<id>', 'print the report again'],
        ['kit analyze runs/<id> --json', 'print report.json'],
      ),
    )
    .action(async (dir: string, options: ModuleOptions) => {
      const thread = { modules: modulesOf(options), signal: session.signal };
      const report = await judgeInThread('analyze', [dir], thread);
      session.exitCode = report.verdict.exitCode;
      terminal.print(
        session.json
          ? renderJson(report)
          : renderTerminal(report, { colour: terminal.colour, width: terminal.width, directory: dir }),
      );
    });
}
