/** CLUSTER NODES as one node answers it. Pure. */
import type { Address } from '../../types.ts';

export interface NodeLine {
  readonly id: string;
  /** What redirections say. */
  readonly announced: Address;
  /** What is connected to: with TLS the name in place of the address, for the certificate. */
  readonly address: Address;
  /** Of a replica: the id of its master. */
  readonly master: string | undefined;
  /** Raised by one with every failover and every slot that is moved: the highest has the slot. */
  readonly epoch: number;
  /** The node that answers believes it down. */
  readonly troubled: boolean;
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** What one node knows, by the ids of the nodes. */
export interface ClusterView {
  readonly at: number;
  readonly nodes: ReadonlyMap<string, NodeLine>;
}

export interface NodesContext {
  /** The address that was asked, for a node that does not know its own. */
  readonly asked: Address;
  readonly names: boolean;
  readonly at: number;
}

/** undefined: it is not the answer of a node that has been in a cluster. */
export function parseNodes(reply: unknown, context: NodesContext): ClusterView | undefined {
  const nodes = new Map<string, NodeLine>();
  for (const line of String(reply).split('\n')) {
    const [id = '', where = '', flags = '', master = '-', , , epoch = '0', , ...slots] = line
      .trim()
      .split(' ');
    const announced = /^[0-9a-f]{40}$/.test(id) ? addressOf(where, flags, context.asked) : undefined;
    if (!announced) continue;
    const name = context.names ? where.split(',')[1] : undefined;
    nodes.set(id, {
      id,
      announced,
      address: name ? { host: name, port: announced.port } : announced,
      master: master === '-' ? undefined : master,
      epoch: Number(epoch),
      troubled: /\bfail\b/.test(flags),
      slots: slots.filter((range) => !range.startsWith('[')).map(rangeOf),
    });
  }
  return nodes.size > 0 ? { at: context.at, nodes } : undefined;
}

/** `ip:port@bus,name,…` */
function addressOf(where: string, flags: string, asked: Address): Address | undefined {
  const plain = where.split('@')[0] ?? '';
  const colon = plain.lastIndexOf(':');
  const port = Number(plain.slice(colon + 1));
  const host = plain.slice(0, colon) || (flags.includes('myself') ? asked.host : '');
  return host !== '' && port > 0 && !flags.includes('noaddr') ? { host, port } : undefined;
}

function rangeOf(text: string): readonly [number, number] {
  const [first = 0, last = first] = text.split('-').map(Number);
  return [first, last];
}
