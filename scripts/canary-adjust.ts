import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import {
  CanaryTestingService,
  type Decision,
  decisionText,
  fixedFlags,
  inspectCanary,
} from '../canary/index.ts';
import { EXIT, KitError } from '../config/errors.ts';
import { addDataOptions } from './cache/data-options.ts';
import {
  type CanaryData,
  type CanaryDataOptions,
  configOption,
  openCanaryData,
} from './canary/canary-data.ts';
import { examples, printResult, type Session } from './session.ts';

interface AdjustOptions extends CanaryDataOptions {
  readonly dryRun?: true;
  readonly clearRollback?: true;
}

/** `kit canary-adjust`: runs the judge once, records its decision and applies it. */
export function canaryAdjust(program: Command, session: Session): void {
  const command = program
    .command('canary-adjust')
    .summary('judge a canary and change its share')
    .description(
      'Judge the counts of all processes, record the decision and apply it: promote, roll back, pause, resume or hold. A rollback stays in effect until --clear-rollback.\nExit code 0: the canary runs; 1: it is paused or rolled back.',
    )
    .addOption(configOption())
    .addOption(new Option('--dry-run', 'judge without recording or changing anything'))
    .addOption(
      new Option('--clear-rollback', 'start again at the first stage after a rollback').conflicts('dryRun'),
    )
    .addHelpText(
      'after',
      examples(
        ['kit canary-adjust --dry-run', 'show the decision without applying it'],
        ['kit canary-adjust --env production', 'decide'],
        ['kit canary-adjust --clear-rollback', 'after the cause is fixed'],
      ),
    )
    .action((options: AdjustOptions) => adjust(session, options));
  addDataOptions(command, 'reads');
}

async function adjust(session: Session, options: AdjustOptions): Promise<void> {
  await using data = await openCanaryData(options);
  const dryRun = options.dryRun === true;
  const decision = dryRun
    ? ((await inspectCanary(data.cache, data.config)).view.now ?? undefined)
    : await decide(data, options);
  if (decision === undefined) {
    throw new KitError(`no rollout of '${data.config.flag}' on ${data.name}`, {
      code: 'CANARY_NOT_STARTED',
      exitCode: EXIT.UNKNOWN,
      hint: 'an application with CanaryTestingService starts it; so does kit canary-adjust without --dry-run',
    });
  }
  session.exitCode = decision.status === 'running' ? EXIT.GO : EXIT.NO_GO;
  const what = dryRun ? 'would decide' : 'decided';
  printResult(
    session,
    { name: data.name, flag: data.config.flag, dryRun, ...decision },
    `${data.config.flag} on ${data.name} ${what}: ${decisionText(decision)}\nshare ${decision.share * 100} %, ${decision.status}`,
  );
}

async function decide({ cache, config }: CanaryData, { clearRollback }: AdjustOptions): Promise<Decision> {
  // The switches belong to the applications. If an operator runs the judge, it uses the recorded counts even if the
  // switches are off.
  const flags = fixedFlags({ redisCache: true, patternCache: true });
  // An error in a background timer needs no report: the judge sends the same commands and fails in the same way.
  await using service = await CanaryTestingService.open({ cache, config, flags });
  return await (clearRollback === true ? service.clearRollback(userInfo().username) : service.adjust());
}
