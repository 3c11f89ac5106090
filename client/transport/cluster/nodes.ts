/** Parses the reply of one node to CLUSTER NODES. Pure. */

import type { Address } from '../../api/types.ts';
import { addressKey } from '../address.ts';

export interface NodeLine {
  readonly id: string;
  /** Addresses by IP and, if announced, by host name, because redirections and other nodes may use either. */
  readonly names: readonly Address[];
  /** Address to connect to: from `natMap`, otherwise the host name if TLS verifies it, otherwise the IP address. */
  readonly address: Address;
  /** Id of the master, for a replica. */
  readonly master: string | undefined;
  /**
   * Configuration epoch, incremented with every failover and every moved slot. If several nodes claim a slot, the one
   * with the highest epoch owns it.
   */
  readonly epoch: number;
  /** Whether the replying node reports this node as down. */
  readonly troubled: boolean;
  readonly slots: readonly (readonly [first: number, last: number])[];
  /** Slots that this node is migrating, with the ids of the target nodes; known only for the replying node. */
  readonly migrating: ReadonlyMap<number, string>;
}

/** View of one node: all nodes that it reports, by id. */
export interface ClusterView {
  readonly at: number;
  readonly nodes: ReadonlyMap<string, NodeLine>;
}

export interface NodesContext {
  /** Address to which the query was sent, for a node that does not report its own. */
  readonly asked: Address;
  /** Whether connections use TLS. */
  readonly names: boolean;
  readonly natMap?: Readonly<Record<string, Address>>;
  readonly at: number;
}

/** Parses the reply to CLUSTER NODES; undefined if the node has not joined a cluster. */
export function parseNodes(reply: unknown, context: NodesContext): ClusterView | undefined {
  const nodes = new Map<string, NodeLine>();
  for (const line of String(reply).split('\n')) {
    const [id = '', where = '', flags = '', master = '-', , , epoch = '0', , ...slots] = line
      .trim()
      .split(' ');
    const ip = /^[0-9a-f]{40}$/.test(id) ? addressOf(where, flags, context.asked) : undefined;
    if (!ip) continue;
    const hostname = where.split(',')[1];
    const named = hostname ? { host: hostname, port: ip.port } : undefined;
    const names = named ? [ip, named] : [ip];
    nodes.set(id, {
      id,
      names,
      address: mappedAddress(names, context.natMap) ?? (context.names && named ? named : ip),
      master: master === '-' ? undefined : master,
      epoch: Number(epoch),
      troubled: /\bfail\b/.test(flags),
      slots: slots.filter((range) => !range.startsWith('[')).map(rangeOf),
      migrating: new Map(slots.flatMap(migrationOf)),
    });
  }
  return nodes.size > 0 ? { at: context.at, nodes } : undefined;
}

function mappedAddress(
  names: readonly Address[],
  natMap: Readonly<Record<string, Address>> = {},
): Address | undefined {
  for (const name of names) {
    const mapped = natMap[addressKey(name)];
    if (mapped) return mapped;
  }
  return undefined;
}

/** Parses an address in the form `ip:port@bus,name,…`. */
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

/** Parses `[93->-id]`: slot 93 migrates to that node. `[93-<-id]` would be an import from that node. */
function migrationOf(text: string): readonly (readonly [number, string])[] {
  const match = /^\[(\d+)->-([0-9a-f]{40})\]$/.exec(text);
  return match ? [[Number(match[1]), match[2] as string]] : [];
}
