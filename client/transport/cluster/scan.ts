/**
 * SCAN over several masters. `<place>@<cursor>` is a cursor for the master at that position; `0` begins and ends a
 * scan, as usual.
 *
 * The scan is complete for keys that exist and do not move during the scan; a key that moves to another master may be
 * missed.
 */
import { ConfigurationError } from '../../api/errors.ts';
import type { Argument } from '../commands.ts';

export async function scanMasters<M>(
  masters: readonly M[],
  [cursor = '0', ...rest]: readonly Argument[],
  scan: (master: M, args: readonly Argument[]) => Promise<unknown>,
): Promise<unknown> {
  const match = /^(?:(\d+)@)?(\d+)$/.exec(String(cursor));
  if (!match) throw new ConfigurationError(`SCAN: ${String(cursor)} is not a cursor that SCAN returned`);
  const place = Number(match[1] ?? 0);
  const master = masters[place];
  // A master was removed in the meantime. Its keys are now on other masters, which may have been scanned already.
  if (master === undefined) return ['0', []];
  const [next, keys] = (await scan(master, [match[2] as string, ...rest])) as [string | Buffer, unknown];
  if (String(next) !== '0') return [`${place}@${next}`, keys];
  return [place + 1 < masters.length ? `${place + 1}@0` : '0', keys];
}
