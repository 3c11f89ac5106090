import { type Command, InvalidArgumentError, Option } from 'commander';
import { openCacheData } from './cache/cache-data.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { alignColumns, countText, durationText, percentText } from './cache/figures.ts';
import { type MeasuredSavings, measureSavings } from './cache/measured-savings.ts';
import * as common from './options.ts';
import { examples, printResult, type Session } from './session.ts';

interface SavingsCommandOptions extends DataOptions {
  readonly window?: number;
  readonly loadMs?: number;
  readonly costPerCall?: number;
}

/** `kit savings`: estimates the calls and compute hours that the cache saves, from measured figures. */
export function savings(program: Command, session: Session): void {
  const command = program
    .command('savings')
    .summary('estimate the calls and compute hours saved')
    .description(
      'Estimate what the cache saves per day and per year, and show the calculation: reads and hits that the servers count, the duration of loads that the entries record, and the latency of a read. Changes nothing.',
    )
    .addOption(
      new Option(
        '--window <seconds>',
        'count reads during this time (default: since the start of the servers)',
      ).argParser(common.integer(1, 86_400)),
    )
    .addOption(new Option('--load-ms <ms>', 'duration of a load (default: measured)').argParser(positive))
    .addOption(new Option('--cost-per-call <price>', 'price of a call that a hit saves').argParser(positive))
    .addHelpText(
      'after',
      examples(
        ['kit savings', 'for dev, since its servers started'],
        ['kit savings --window 60 --env production', 'for the reads of the next minute'],
        ['kit savings --load-ms 150 --cost-per-call 0.002', 'with given figures'],
      ),
    )
    .action(async (options: SavingsCommandOptions) => {
      const { window: windowSeconds, loadMs, costPerCall } = options;
      await using data = await openCacheData(options);
      if (windowSeconds !== undefined) session.terminal.progress(`counting reads for ${windowSeconds} s`);
      const measured = await measureSavings(data, {
        windowSeconds,
        loadMs,
        costPerCall,
        signal: session.signal,
      });
      printResult(session, measured, savingsText(measured));
    });
  addDataOptions(command, 'reads');
}

export function savingsText(of: MeasuredSavings): string {
  const source = of.loadsMeasured === null ? 'given' : `mean of ${countText(of.loadsMeasured)} entries`;
  const rows = [
    [
      'reads',
      `${countText(of.reads)} in ${durationText(of.overSeconds)} = ${countText(of.queriesPerHour)}/h`,
    ],
    ['hits', percentText(of.hitRatio)],
    ['load', `${countText(of.loadMs, 2)} ms (${source})`],
    ['read', `${countText(of.readMs, 2)} ms, so a hit saves ${countText(of.savedMsPerHit, 2)} ms`],
    ['saved per day', `${countText(of.callsSavedPerDay)} calls`],
    ['saved per year', `${countText(of.computeHoursPerYear)} compute hours`],
    ...(of.costSavedPerYear === undefined ? [] : [['cost per year', countText(of.costSavedPerYear, 2)]]),
    ['arithmetic', of.arithmetic],
  ];
  return [`${of.name}: estimated savings, if the load does not change`, ...alignColumns(rows)].join('\n');
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Must be a number of at least 0.');
  }
  return value;
}
