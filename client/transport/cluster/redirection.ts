/**
 * Error replies of a cluster node that did not apply a command. Another node may apply the command, or the same node
 * may do so later.
 */
import { CommandError } from '../../api/errors.ts';
import type { Address } from '../../api/types.ts';

/** Redirection that names the node of the slot. The host of the node may be missing. */
export interface Located {
  readonly kind: 'moved' | 'asking';
  readonly slot: number;
  readonly to: Address;
}

export type Redirection = Located | { readonly kind: 'later' };

/**
 * Whether a redirection contains a host. False for `MOVED 3999 :6379` (`unknown-endpoint`) and `MOVED 3999 ?:6379` (no
 * host name is announced).
 */
export function isNamed({ host }: Address): boolean {
  return host !== '' && host !== '?';
}

export function redirectionOf(error: unknown): Redirection | undefined {
  if (!(error instanceof CommandError) || error.outcome !== 'not-applied') return undefined;
  if (error.code === 'TRYAGAIN' || error.code === 'CLUSTERDOWN') return { kind: 'later' };
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(error.message);
  if (!match) return undefined;
  const [, code, slot, host = '', port] = match;
  const to = { host, port: Number(port) };
  return { kind: code === 'MOVED' ? 'moved' : 'asking', slot: Number(slot), to };
}

/** Whether the keys of one slot are on two nodes, because the slot is migrating. */
export function isSplit(error: unknown): boolean {
  return error instanceof CommandError && error.code === 'TRYAGAIN';
}
