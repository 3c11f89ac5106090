import { type Command, Option } from 'commander';
import { addExternalOptions, anySubstrate } from './external-options.ts';
import { judgedRun, type RunOptions } from './judged-run.ts';
import * as common from './options.ts';
import { examples, type Session } from './session.ts';

/** `kit readiness`: runs every drill, evaluates every gate in scope, and gives one verdict. */
export function readiness(program: Command, session: Session): void {
  const command = program
    .command('readiness')
    .summary('run the drills and print go or no-go')
    .description(
      'Start an environment, run the drills of the profile, judge the evidence by config/gates.yaml, and print a verdict.\nThe run folder contains the evidence and report.html, report.json, report.md, junit.xml.',
    )
    .addOption(common.environment())
    .addOption(anySubstrate())
    .addOption(common.set())
    .addOption(common.profileOfReadiness())
    .addOption(common.gates())
    .addOption(common.modules())
    .addOption(common.seed())
    .addOption(common.retries(2))
    .addOption(common.out())
    .addOption(new Option('--coverage <file>', 'coverage-summary.json for the coverage criterion'))
    .addOption(common.baseline())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit readiness', 'dev, local processes, quick'],
        ['kit readiness --env production --profile full', 'with confidence bounds'],
        ['kit readiness --profile capacity', 'rates, connections and memory of this machine'],
        ['REDIS_URL=… kit readiness --substrate external', 'check an external Redis'],
        ['kit readiness --baseline runs/<id>', 'also fail if a criterion became worse beyond noise'],
        ['kit readiness --json > report.json', 'in a pipeline; the exit code is the verdict'],
      ),
    )
    .action((options: RunOptions) => judgedRun(session, 'readiness', options, 'all'));
  addExternalOptions(command);
}
