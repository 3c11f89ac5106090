import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import { verifyRun } from '../harness/judge/index.ts';
import { renderers } from '../harness/reports/index.ts';
import { type ModuleOptions, useModules } from './extensions.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

/**
 * `kit verify`: checks whether the report follows from the evidence, and whether the evidence is unchanged since it was
 * sealed.
 */
export function verify(program: Command, session: Session): void {
  program
    .command('verify')
    .summary('check hashes and recompute the verdict of a run')
    .description(
      'Check the SHA-256 of every file of a run, recompute its reports, and compare them byte for byte.\nExit code 0: no differences; 1: differences; 3: not a run folder.',
    )
    .argument('<dir>', 'run folder')
    .addOption(common.modules())
    .addOption(common.json())
    .addHelpText('after', examples(['kit verify runs/<id>', 'verify now or later, under any supported Node']))
    .action(async (dir: string, options: ModuleOptions) => {
      const extensions = await useModules(options);
      const result = verifyRun(dir, renderers, extensions);
      session.exitCode = result.ok ? EXIT.GO : EXIT.NO_GO;
      printResult(
        session,
        result,
        result.ok
          ? [`${dir}: seal and reports verified`, ...result.notes.map((note) => `  ${note}`)].join('\n')
          : [`${dir}: verification FAILED`, ...result.problems.map((problem) => `  ${problem}`)].join('\n'),
      );
    });
}
