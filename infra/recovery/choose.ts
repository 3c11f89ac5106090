/**
 * Chooses the node whose data an environment starts from, if all its Redis nodes are down. Pure; works in the same way
 * on every substrate.
 *
 * data of each node (`read.ts`) ─▶ `chooseSource` ─▶ start from that node │ ask, with the known facts │ no usable copy
 *
 * The node that the sentinels report as master is chosen, unless another one is proven to have more data. A node
 * without usable data is never master while another one has some. Without proof, the user is asked, because a replica
 * copies its master and discards its own data.
 */
import { comparePositions, type Order, type Position } from './compare.ts';

export type NodeData =
  /** The server would start without keys. */
  | { readonly nodeId: string; readonly state: 'empty'; readonly note?: string }
  /** The server would not start, or would lose part of the data. */
  | { readonly nodeId: string; readonly state: 'damaged'; readonly file: string; readonly problem: string }
  | {
      readonly nodeId: string;
      readonly state: 'usable';
      readonly source: 'append-only file' | 'snapshot';
      readonly bytes: number;
      readonly position: Position;
      /** Whether the last command is truncated; the server drops this command. */
      readonly isTruncated: boolean;
    };

/**
 * Number of keys in all databases and DEBUG DIGEST, as reported by a server that has loaded the data. If both are
 * equal, the data is equal.
 */
export interface Content {
  readonly keys: number;
  readonly digest: string;
}

export interface ChoiceInput {
  /** Master recorded in the latest files of the sentinels; if they record none, the first master in the plan. */
  readonly named: string;
  readonly nodes: readonly NodeData[];
  /** Contents of nodes whose positions are not comparable. */
  readonly contents?: ReadonlyMap<string, Content>;
}

export type Choice =
  | { readonly kind: 'start'; readonly nodeId: string; readonly reason: string }
  /** It cannot be proven which of these nodes has the most recent data. */
  | { readonly kind: 'ask'; readonly candidates: readonly string[]; readonly reason: string }
  /** At least one node has data, but none of it is usable. */
  | { readonly kind: 'none'; readonly reason: string };

export function chooseSource(input: ChoiceInput): Choice {
  const { named, nodes } = input;
  const usable = nodes.filter((node) => node.state === 'usable');
  const own = nodes.find(({ nodeId }) => nodeId === named);
  const damaged = nodes.filter((node) => node.state === 'damaged');
  if (usable.length === 0) {
    if (damaged.length > 0)
      return { kind: 'none', reason: damaged.map((node) => describeData(node)).join('; ') };
    return { kind: 'start', nodeId: named, reason: 'no node has data; the last known master starts' };
  }
  const order = (a: string, b: string) => orderBetween(input, a, b);
  const ids = usable.map(({ nodeId }) => nodeId);
  const latest = ids.filter((id) => !ids.some((other) => order(other, id) === 'ahead'));
  if (latest.includes(named)) return chooseAmongLatest(input, named, latest);
  const why = own?.state === 'usable' ? `${latest.join(' and ')} has more data` : describeData(own, named);
  const [first, ...more] = latest as [string, ...string[]];
  const others = more.filter((id) => order(first, id) !== 'same');
  if (others.length > 0) {
    const reason = `${why}; cannot determine which of ${latest.join(' and ')} has more data${contentsOf(input, latest)}`;
    return { kind: 'ask', candidates: latest, reason };
  }
  return { kind: 'start', nodeId: first, reason: `the last known master is ${named}; ${why}` };
}

/** Chooses the last known master if no node is proven to have more data. */
function chooseAmongLatest(input: ChoiceInput, named: string, latest: readonly string[]): Choice {
  const open = latest.filter((id) => id !== named && orderBetween(input, named, id) === 'unknown');
  if (open.length === 0)
    return {
      kind: 'start',
      nodeId: named,
      reason: `the last known master is ${named}, and no node has more data`,
    };
  const candidates = [named, ...open];
  const reason = `the last known master is ${named}; cannot determine whether it has all data of ${open.join(' and ')}${contentsOf(input, candidates)}`;
  return { kind: 'ask', candidates, reason };
}

function orderBetween({ nodes, contents }: ChoiceInput, a: string, b: string): Order {
  const [one, other] = [a, b].map((id) => nodes.find(({ nodeId }) => nodeId === id));
  if (one?.state !== 'usable' || other?.state !== 'usable') return 'unknown';
  const order = comparePositions(one.position, other.position);
  if (order !== 'unknown') return order;
  const [mine, theirs] = [contents?.get(a), contents?.get(b)];
  if (mine === undefined || theirs === undefined) return 'unknown';
  return mine.digest === theirs.digest && mine.keys === theirs.keys ? 'same' : 'unknown';
}

/** Describes the data in one phrase, such as "redis-1 is damaged: appendonly.aof.1.incr.aof: …". */
export function describeData(data: NodeData | undefined, nodeId = data?.nodeId ?? 'a node'): string {
  if (data === undefined) return `${nodeId} has no data directory`;
  if (data.state === 'empty')
    return `${nodeId} has no data${data.note === undefined ? '' : ` (${data.note})`}`;
  if (data.state === 'damaged') return `${nodeId} is damaged: ${data.file}: ${data.problem}`;
  const cut = data.isTruncated ? ', with an incomplete last command' : '';
  return `${nodeId} has ${data.bytes} bytes in its ${data.source}${placeOf(data.position)}${cut}`;
}

function placeOf(position: Position): string {
  if (position.kind === 'offset')
    return `, at offset ${position.offset} of ${position.replicationId.slice(0, 8)}`;
  return position.kind === 'commands' ? `, ${position.digests.length} commands since its last rewrite` : '';
}

function contentsOf({ contents }: ChoiceInput, ids: readonly string[]): string {
  const known = ids.flatMap((id) => {
    const content = contents?.get(id);
    return content === undefined ? [] : [`${id}: ${content.keys} keys`];
  });
  return known.length === 0 ? '' : ` (${known.join(', ')})`;
}
