import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import type { PreparedChange } from '../infra/operations/rolling/change.ts';
import { groupsOf } from '../infra/operations/rolling/health.ts';
import { interruptions } from '../infra/operations/rolling/limits.ts';
import { type RollingStep, rollingSteps } from '../infra/operations/rolling/order.ts';
import { type RollingReport, roll } from '../infra/operations/rolling/roll.ts';
import { checkVersions, type VersionChange } from '../infra/operations/rolling/versions.ts';
import { lockEnvironment, substrateOf } from '../infra/substrates/registry.ts';
import { planTopology, type Topology } from '../infra/topology.ts';
import { confirm } from './confirm.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';

interface ApplyCommandOptions extends common.EnvironmentOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Everything that `kit apply` shows before it changes anything. */
interface ApplyPlan {
  readonly environment: string;
  readonly settings: readonly string[];
  readonly version: VersionChange | undefined;
  readonly steps: readonly (RollingStep & { readonly differences: readonly string[] })[];
  /** Other parts of the environment, replaced after all nodes. */
  readonly parts: readonly string[];
  /** Interruptions that cannot be avoided by replacing one node at a time. */
  readonly interruptions: readonly string[];
}

/** `kit apply`: applies the configuration to a running environment, one node at a time. */
export function apply(program: Command, session: Session): void {
  program
    .command('apply')
    .summary('apply changed settings to a running environment, node by node')
    .description(
      'Replace every node whose configuration, certificate, image or server has changed, one at a time: replicas first, then a planned switchover, then the former master, then the sentinels. Each step requires that all other nodes are healthy. Certificates that a node would reject are refused before the first step. To continue after an interruption, run the command again.\nExit code 0: applied, or nothing to do; 3: stopped, with at most one node unfinished.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(common.set())
    .addOption(new Option('--dry-run', 'show the plan, change nothing'))
    .addOption(new Option('--yes', 'accept an interruption, such as the restart of a single node'))
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit apply --dry-run', 'show which nodes differ'],
        ['kit apply --env production --substrate docker', 'apply the YAML file node by node'],
      ),
    )
    .action(async (options: ApplyCommandOptions) => {
      const topology = planTopology(loadEnvironment(options.env, options.set));
      const held = await lockEnvironment(options.substrate, topology.environment.name, stateDir());
      try {
        await applyTo(topology, options, session);
      } finally {
        held[Symbol.dispose]();
      }
    });
}

async function applyTo(topology: Topology, options: ApplyCommandOptions, session: Session): Promise<void> {
  const progress = (line: string) => session.terminal.progress(line);
  const { signal } = session;
  const substrate = await substrateOf(options.substrate, { stateDir: stateDir() });
  const change = await substrate.prepareChange?.(topology, { progress, signal });
  if (change === undefined) throw notRunning(topology, options);
  try {
    const plan = await planOf(change);
    if (options.dryRun === true) return printResult(session, { plan }, planText(plan));
    if (isEmpty(plan)) return printResult(session, { plan, applied: false }, planText(plan));
    if (!(await accepts(plan, topology, options, session))) {
      session.exitCode = EXIT.UNKNOWN;
      return printResult(session, { plan, applied: false }, 'nothing was changed');
    }
    if (!session.json) session.terminal.print(`${planText(plan)}\n`);
    const nodeIds = change.changes.map(({ nodeId }) => nodeId);
    const check = () => checkVersions(change.environment, change.server);
    const report = await roll(change, { nodeIds, progress, check, signal }).catch((error: unknown) => {
      throw signal.aborted ? interrupted(topology, options) : error;
    });
    await change.finish(progress);
    printResult(session, { plan, applied: true, ...report }, reportText(plan, report));
  } finally {
    await change[Symbol.asyncDispose]();
  }
}

async function planOf(change: PreparedChange): Promise<ApplyPlan> {
  const { environment, changes, parts, settings, server, mark } = change;
  const version = await checkVersions(environment, server);
  const differences = new Map(changes.map((it) => [it.nodeId, it.differences]));
  const unfinished = mark?.read();
  if (unfinished !== undefined && !differences.has(unfinished)) differences.set(unfinished, ['interrupted']);
  const { redis, sentinels, environment: config } = environment.topology;
  // Unless there is exactly one master, the order is unknown, and the first step is refused.
  const groups = await groupsOf(environment).catch(() =>
    redis.map(({ id }) => ({ master: id, replicas: [] })),
  );
  const ids = sentinels.map(({ id }) => id);
  const steps = rollingSteps(new Set(differences.keys()), groups, ids);
  return {
    environment: environment.name,
    settings,
    version,
    parts,
    steps: steps.map((step) => ({ ...step, differences: differences.get(step.nodeId) ?? [] })),
    interruptions: interruptions(config, steps),
  };
}

const isEmpty = ({ steps, settings, parts }: ApplyPlan): boolean =>
  steps.length + settings.length + parts.length === 0;

/** Returns whether the user accepts the change. Prompts only if the change causes an interruption. */
async function accepts(
  { interruptions: list }: ApplyPlan,
  { environment }: Topology,
  { yes, substrate }: ApplyCommandOptions,
  session: Session,
): Promise<boolean> {
  if (list.length === 0 || yes === true) return true;
  return await confirm(session, {
    refusal: `the change interrupts '${environment.name}': ${list.join('; ')}`,
    consequence: list.join('\n'),
    word: environment.name,
    action: 'continue',
    code: 'INTERRUPTION_NOT_ACCEPTED',
    hint: `${common.commandFor('apply', environment, substrate)} --yes accepts it`,
  });
}

function planText(plan: ApplyPlan): string {
  const { environment, settings, version, steps } = plan;
  if (isEmpty(plan)) return `${environment}: every node has the current configuration`;
  const width = Math.max(0, ...steps.map(({ nodeId }) => nodeId.length));
  return [
    steps.length === 0
      ? `${environment}: no node has to be replaced`
      : `${environment}: ${steps.length} node(s) to replace, one at a time`,
    ...settings.map((line) => `  ${line}`),
    ...versionLines(version),
    ...steps.map(({ nodeId, role, switchesFirst, differences }, i) => {
      const how = switchesFirst ? `${role}, after a planned switchover` : role;
      return `  ${i + 1}. ${nodeId.padEnd(width)}  ${how}: ${differences.join(', ')}`;
    }),
    ...(plan.parts.length === 0 ? [] : [`  then ${plan.parts.join(', ')}`]),
    ...plan.interruptions.map((line) => `  interruption: ${line}`),
  ].join('\n');
}

function versionLines(version: VersionChange | undefined): readonly string[] {
  if (version === undefined) return [];
  const { from, to, isDowngrade, copied } = version;
  return [
    `  version: ${from.join(', ')} to ${to}${isDowngrade ? ' (downgrade; the new server can read the data)' : ''}`,
    ...copied.map(
      (id) =>
        `  ${id}: its data has a newer format: it is set aside, and the node copies the data of the master`,
    ),
  ];
}

function reportText({ environment }: ApplyPlan, { replaced, switches, tookMs }: RollingReport): string {
  const switched = switches.map(({ from, to, writableMs }) => {
    const pause = writableMs === undefined ? '' : `, no writes for ${writableMs} ms`;
    return `; ${to} is master instead of ${from}${pause}`;
  });
  return `${environment}: applied; ${replaced.length} node(s) replaced in ${(tookMs / 1_000).toFixed(1)} s${switched.join('')}`;
}

function interrupted({ environment }: Topology, { substrate }: ApplyCommandOptions): KitError {
  return new KitError(`interrupted; '${environment.name}' keeps running, with some nodes unchanged`, {
    code: 'INTERRUPTED',
    exitCode: EXIT.INTERRUPTED,
    hint: `${common.commandFor('apply', environment, substrate)} continues`,
  });
}

function notRunning({ environment }: Topology, { substrate }: ApplyCommandOptions): KitError {
  return new KitError(`environment '${environment.name}' is not running`, {
    code: 'ENVIRONMENT_NOT_FOUND',
    exitCode: EXIT.NO_GO,
    hint: `${common.commandFor('up', environment, substrate)} starts it`,
  });
}
