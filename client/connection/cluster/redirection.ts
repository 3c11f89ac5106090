/** Error replies by which a node of a cluster says that it did not apply a command, and another may, or this one later. */
import { CommandError } from '../../errors.ts';
import type { Address } from '../../types.ts';

export type Redirection =
  | { readonly kind: 'moved'; readonly slot: number; readonly to: Address }
  | { readonly kind: 'asking'; readonly slot: number; readonly to: Address }
  | { readonly kind: 'later' };

export function redirectionOf(error: unknown): Redirection | undefined {
  if (!(error instanceof CommandError) || error.outcome !== 'not-applied') return undefined;
  if (error.code === 'TRYAGAIN' || error.code === 'CLUSTERDOWN') return { kind: 'later' };
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(error.message);
  if (!match) return undefined;
  const [, code, slot, host = '', port] = match;
  const to = { host, port: Number(port) };
  return { kind: code === 'MOVED' ? 'moved' : 'asking', slot: Number(slot), to };
}

/** The keys of one slot are in two nodes: it is being moved. */
export function isSplit(error: unknown): boolean {
  return error instanceof CommandError && error.code === 'TRYAGAIN';
}
