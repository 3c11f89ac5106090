import { writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { type CanaryView, canaryPage, canaryText, inspectCanary } from '../canary/index.ts';
import { EXIT, type ExitCode } from '../config/errors.ts';
import { addDataOptions } from './cache/data-options.ts';
import { type CanaryDataOptions, configOption, openCanaryData } from './canary/canary-data.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface StatusOptions extends CanaryDataOptions {
  readonly html?: string;
  readonly log?: string;
}

const EXIT_OF: Readonly<Record<CanaryView['status'], ExitCode>> = {
  running: EXIT.GO,
  paused: EXIT.NO_GO,
  'rolled-back': EXIT.NO_GO,
  'not started': EXIT.UNKNOWN,
};

/** `kit canary-status`: shows a rollout, and verifies its recorded decisions. Changes nothing. */
export function canaryStatus(program: Command, session: Session): void {
  const command = program
    .command('canary-status')
    .summary('show a canary rollout and verify its decisions')
    .description(
      'Show the share, both arms, the evidence against the canary and the decision with its reasons. Recompute every recorded decision. Changes nothing.\nExit code 0: running; 1: paused, rolled back, or the log is damaged; 3: not started.',
    )
    .addOption(configOption())
    .addOption(new Option('--html <file>', 'also write a page').argParser(common.nonEmpty))
    .addOption(
      new Option('--log <file>', 'also write the decision log, one entry per line').argParser(
        common.nonEmpty,
      ),
    )
    .addHelpText(
      'after',
      examples(
        ['kit canary-status', 'dev'],
        ['kit canary-status --html canary.html --env production', 'a page'],
        ['kit canary-status --url redis://host:6379 --json', 'an external Redis, for programs'],
      ),
    )
    .action((options: StatusOptions) => showStatus(session, options));
  addDataOptions(command, 'reads');
}

async function showStatus(session: Session, options: StatusOptions): Promise<void> {
  await using data = await openCanaryData(options);
  const { view, lines } = await inspectCanary(data.cache, data.config);
  if (options.html !== undefined) writeFileSync(options.html, canaryPage(view, lines));
  if (options.log !== undefined) writeFileSync(options.log, lines.map((line) => `${line}\n`).join(''));
  session.exitCode = view.log.problem === null ? EXIT_OF[view.status] : EXIT.NO_GO;
  printResult(session, { name: data.name, ...view }, `${data.name}\n${canaryText(view)}`);
}
