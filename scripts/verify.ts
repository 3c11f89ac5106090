import type { Command } from 'commander';
import { EXIT } from '../config/errors.ts';
import { verifyRun } from '../harness/judge/index.ts';
import { renderers } from '../harness/reports/index.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

/**
 * `kit verify`: checks whether the report follows from the evidence, and whether the evidence is unchanged since it was
 * sealed.
 */
export function verify(program: Command, session: Session): void {
  program
    .command('verify')
    .summary('prove the hashes, recompute the verdict, compare')
    .description(
      'Proves the SHA-256 of every file of a run, recomputes its reports and compares them byte for byte.\nExit 0: all the same; 1: something differs, and is named; 3: not the folder of a run.',
    )
    .argument('<dir>', 'folder of a run')
    .addOption(common.json())
    .addHelpText('after', examples(['kit verify runs/<id>', 'today, or in a year, under another Node']))
    .action((dir: string) => {
      const result = verifyRun(dir, renderers);
      session.exitCode = result.ok ? EXIT.GO : EXIT.NO_GO;
      printResult(
        session,
        result,
        result.ok
          ? [
              `${dir}: as sealed, and every report follows from it`,
              ...result.notes.map((note) => `  ${note}`),
            ].join('\n')
          : [`${dir}: NOT as sealed`, ...result.problems.map((problem) => `  ${problem}`)].join('\n'),
      );
    });
}
