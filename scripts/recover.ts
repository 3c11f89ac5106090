import { type Command, Option } from 'commander';
import { EXIT, KitError } from '../config/errors.ts';
import { loadEnvironment } from '../config/load.ts';
import { describeData, type NodeData } from '../infra/recovery/choose.ts';
import { lockEnvironment, type OwnSubstrateName, substrateOf } from '../infra/substrates/registry.ts';
import type { DataInspection } from '../infra/substrates/substrate.ts';
import { planTopology, type Topology } from '../infra/topology.ts';
import * as common from './options.ts';
import { examples, printResult, type Session, stateDir } from './session.ts';
import { bringUp } from './up.ts';

type RecoverOptions = common.EnvironmentOptions & { readonly from?: string };

/**
 * `kit recover`: recovers an environment whose Redis nodes are all down, and whose master has lost its data or has
 * older data than another node.
 */
export function recover(program: Command, session: Session): void {
  program
    .command('recover')
    .summary('show the data of each node; start from one with --from')
    .description(
      'Read the data of an environment whose Redis nodes are all down, and name the node to start from. Changes nothing.\nWith --from: start the environment from that node. The data of the others is set aside, not deleted.\nExit code 0: kit up chooses the same node, or the environment was started; 1: --from is required.',
    )
    .addOption(common.environment())
    .addOption(common.substrate())
    .addOption(common.set())
    .addOption(new Option('--from <node>', 'node whose data the master uses').argParser(common.nonEmpty))
    .addOption(common.json())
    .addHelpText(
      'after',
      examples(
        ['kit recover', 'show the data of each node'],
        ['kit recover --from redis-2', 'use the data of this node without a comparison'],
      ),
    )
    .action(async (options: RecoverOptions) => {
      const topology = planTopology(loadEnvironment(options.env, options.set));
      const { name } = topology.environment;
      if (options.from === undefined) return showRecovery(session, options.substrate, topology);
      const recoverFrom = requireNode(topology, options.from);
      const held = await lockEnvironment(options.substrate, name, stateDir());
      try {
        await bringUp(session, options.substrate, topology, { recoverFrom });
      } finally {
        held[Symbol.dispose]();
      }
    });
}

async function showRecovery(
  session: Session,
  substrate: OwnSubstrateName,
  topology: Topology,
): Promise<void> {
  const target = await substrateOf(substrate, { stateDir: stateDir() });
  if (target.inspectData === undefined) throw notDeployed(substrate);
  const found = await target.inspectData(topology);
  const { name } = topology.environment;
  const command = (verb: string) => common.commandFor(verb, topology.environment, substrate);
  if (found === undefined) {
    throw new KitError(`environment '${name}' has no data to recover`, {
      code: 'ENVIRONMENT_NOT_FOUND',
      hint: `${command('up')} starts a new one`,
    });
  }
  session.exitCode = found.every(({ choice }) => choice.kind === 'start') ? EXIT.GO : EXIT.NO_GO;
  printResult(session, recoverView(name, found), recoveryText(name, command, found));
}

function notDeployed(substrate: OwnSubstrateName): KitError {
  return new KitError(`the data of nodes that are down cannot be read on ${substrate}`, {
    code: 'RECOVERY_REFUSED',
    hint: 'see docs/runbook.md, "Damaged or lost data"',
  });
}

function recoverView(environment: string, found: readonly DataInspection[]) {
  // The commands of an append-only file are counted, not listed.
  const plain = (node: NodeData) =>
    node.state === 'usable' && node.position.kind === 'commands'
      ? { ...node, position: { kind: 'commands', count: node.position.digests.length } }
      : node;
  return {
    environment,
    groups: found.map(({ named, nodes, choice }) => ({ named, nodes: nodes.map(plain), choice })),
  };
}

function recoveryText(
  name: string,
  command: (verb: string) => string,
  found: readonly DataInspection[],
): string {
  return found.map((inspection) => groupText(name, command, inspection)).join('\n');
}

function groupText(
  name: string,
  command: (verb: string) => string,
  { named, nodes, choice }: DataInspection,
): string {
  const lines = nodes.map(
    (node) => `  ${describeData(node)}${node.nodeId === named ? ' (last known master)' : ''}`,
  );
  const next: Readonly<Record<typeof choice.kind, string>> = {
    start: `${command('up')} starts from it`,
    ask: `${command('recover')} --from NODE decides`,
    none: 'docs/runbook.md, "Damaged or lost data"',
  };
  const head = choice.kind === 'start' ? `start from ${choice.nodeId}: ${choice.reason}` : choice.reason;
  return [`${name}: ${head}`, ...lines, `fix: ${next[choice.kind]}`].join('\n');
}

function requireNode({ redis }: Topology, id: string): string {
  const ids = redis.map((node) => node.id);
  if (ids.includes(id)) return id;
  throw new KitError(`'${id}' must be a Redis node of the environment: ${ids.join(', ')}`, {
    code: 'NODE_UNKNOWN',
    where: 'command line: --from',
    hint: 'pass one of these nodes',
  });
}
