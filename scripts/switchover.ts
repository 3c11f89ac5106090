import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { environmentFlags } from '../config/load.ts';
import { clusterSwitchover } from '../infra/operations/cluster-switchover.ts';
import { type SwitchoverReport, switchover } from '../infra/operations/switchover.ts';
import type { Environment } from '../infra/substrates/environment.ts';
import { lockEnvironment } from '../infra/substrates/registry.ts';
import type { FoundEnvironment } from '../infra/substrates/substrate.ts';
import { type FindOptions, requestedEnvironment, requireEnvironment } from './find-environment.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

type SwitchoverOptions = FindOptions & { readonly shard?: string };

/** `kit switchover`: makes a replica the master of a running environment, without losing an acknowledged write. */
export function switchoverCommand(program: Command, session: Session): void {
  program
    .command('switchover')
    .summary('promote a replica without losing a write')
    .description(
      'Pause writes on the master, wait until every replica has all of them, promote a replica, and demote the old master to its replica. Refused if a running replica is not in sync.\nExit code 0: switched; 3: not switched, the environment still has one master.',
    )
    .addOption(common.environment())
    .addOption(common.searchAll())
    .addOption(common.set())
    .addOption(
      new Option('--shard <node>', 'cluster: master of the shard (see kit status)').argParser(
        common.nonEmpty,
      ),
    )
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit switchover', 'switch over before maintenance of the master'],
        ['kit switchover --env cluster --shard redis-1', 'switch over one shard of a cluster'],
      ),
    )
    .action(async (options: SwitchoverOptions) => {
      const found = await requireEnvironment(options.substrate, requestedEnvironment(options));
      const { environment } = found;
      try {
        const report = await switchMaster(session, found, options.shard);
        printResult(session, { environment: environment.name, ...report }, reportText(environment, report));
      } finally {
        await environment[Symbol.asyncDispose]();
      }
    });
}

async function switchMaster(
  session: Session,
  { environment }: FoundEnvironment,
  shard: string | undefined,
): Promise<SwitchoverReport> {
  requireShardOption(environment, shard);
  const lock = await lockEnvironment(environment.substrate, environment.name, stateDir());
  try {
    const options = {
      signal: session.signal,
      progress: (line: string) => session.terminal.progress(line),
    };
    return shard === undefined
      ? await switchover(environment, options)
      : await clusterSwitchover(environment, shard, options);
  } finally {
    lock[Symbol.dispose]();
  }
}

function requireShardOption({ name, cluster, topology }: Environment, shard: string | undefined): void {
  if ((cluster === undefined) === (shard === undefined)) return;
  throw new KitError(
    cluster === undefined
      ? `--shard requires a cluster; '${name}' has one master`
      : `'${name}' is a cluster with several masters: --shard is required`,
    {
      code: 'USAGE',
      exitCode: EXIT.USAGE,
      where: 'command line: --shard',
      hint: `run kit status ${environmentFlags(topology.environment)} to see the masters`,
    },
  );
}

function reportText({ name }: Environment, report: SwitchoverReport): string {
  const { from, to, writableMs, demotedMs, agreedMs } = report;
  return [
    `${name}: ${to} is master; ${from} is its replica`,
    `no writes for ${writableMs} ms; ${from} in sync after ${demotedMs} ms, all nodes agree after ${agreedMs} ms`,
  ].join('\n');
}
