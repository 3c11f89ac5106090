import { type Command, Option } from 'commander';
import { openCacheData } from './cache/cache-data.ts';
import { addDataOptions, type DataOptions } from './cache/data-options.ts';
import { alignColumns, bytesText, countText, percentText } from './cache/figures.ts';
import { showLive } from './cache/live-screen.ts';
import { type NodeView, readTop, type TopView } from './cache/node-view.ts';
import * as common from './options.ts';
import { examples, type Session } from './session.ts';

interface TopOptions extends DataOptions {
  readonly interval: number;
  readonly once?: true;
}

/** `kit top`: live view of the nodes in a terminal; without a terminal, or with `--once`, a single frame. */
export function top(program: Command, session: Session): void {
  const command = program
    .command('top')
    .summary('live view of nodes, roles, lag, operations and hits')
    .description(
      'Show the nodes in a terminal until Ctrl-C: roles, replication lag, operations per second, hit ratio, memory, clients. Without a terminal, print one frame. Changes nothing.',
    )
    .addOption(
      new Option('--interval <seconds>', 'time between two frames')
        .argParser(common.integer(1, 60))
        .default(1),
    )
    .addOption(new Option('--once', 'print one frame'))
    .addHelpText(
      'after',
      examples(
        ['kit top', 'dev'],
        ['kit top --env cluster --interval 5', 'every 5 seconds'],
        ['kit top --once', 'one frame'],
      ),
    )
    .action(async (options: TopOptions) => {
      await using data = await openCacheData(options);
      const isLive = session.terminal.isInteractive && !options.once && !session.json;
      const live = { intervalMs: options.interval * 1000, ...(!isLive && { frames: 1 }) };
      let before: TopView | undefined;
      await showLive(session, live, async () => {
        const value = await readTop(data, before);
        before = value;
        return { value, text: topText(value) };
      });
    });
  addDataOptions(command, 'reads');
}

const HEADINGS = [
  'node',
  'address',
  'role',
  'lag',
  'ops/s',
  'hits',
  'memory',
  'of',
  'clients',
  'keys',
  'state',
];

export function topText({ name, substrate, at, nodes, state }: TopView): string {
  const masters = nodes.filter(({ role }) => role === 'master');
  const ops = masters.reduce((sum, { opsPerSecond }) => sum + (opsPerSecond ?? 0), 0);
  const head = [
    `${name} (${substrate})`,
    ...(state === null ? [] : [state]),
    `${countText(ops)} ops/s on ${masters.length} masters`,
    at,
  ];
  return [head.join(' - '), '', ...alignColumns([HEADINGS, ...nodes.map(rowOf)])].join('\n');
}

function rowOf(node: NodeView): readonly string[] {
  const lag = node.lagBytes === null ? '-' : `${bytesText(node.lagBytes)}, ${node.lagSeconds} s`;
  return [
    node.id,
    node.address,
    node.role,
    lag,
    countText(node.opsPerSecond),
    percentText(node.hitRatio),
    bytesText(node.usedBytes),
    node.maxBytes === null ? '-' : percentText((node.usedBytes ?? 0) / node.maxBytes, 0),
    countText(node.clients),
    countText(node.keys),
    node.state,
  ];
}
