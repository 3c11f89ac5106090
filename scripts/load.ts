import type { Command } from 'commander';
import { drillsNamed } from '../harness/registry.ts';
import { useModules } from './extensions.ts';
import { addExternalOptions, anySubstrate } from './external-options.ts';
import { judgedRun, type RunOptions } from './judged-run.ts';
import * as common from './options.ts';
import { examples, type Session } from './session.ts';

/** `kit load`: runs the drills that inject no fault; they measure latency, hit ratio and throughput. */
export function load(program: Command, session: Session): void {
  const command = program
    .command('load')
    .summary('run the load drills')
    .description('Run the load drills, without faults: the benchmarks and a steady open loop.')
    .addOption(common.environment())
    .addOption(anySubstrate())
    .addOption(common.set())
    .addOption(common.profileWithCapacity())
    .addOption(common.gates())
    .addOption(common.modules())
    .addOption(common.seed())
    .addOption(common.trials())
    .addOption(common.retries(0))
    .addOption(common.out())
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit load', 'dev, quick'],
        ['kit load --env staging --profile full', 'use longer windows'],
        ['kit load --profile capacity --trials 3', 'rates to the knee, 10,000 connections, memory'],
      ),
    )
    .action(async (options: RunOptions) => {
      await useModules(options);
      const drills = drillsNamed('all').filter(({ family }) => family === 'load');
      await judgedRun(
        session,
        'load',
        options,
        drills.map(({ id }) => id),
      );
    });
  addExternalOptions(command);
}
