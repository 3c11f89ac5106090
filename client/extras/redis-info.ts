/** Sends INFO and parses the reply into fields. */
import { CommandError } from '../api/errors.ts';
import type { SupervisedConnection } from '../api/types.ts';

export type RedisInfo = ReadonlyMap<string, string>;

function parseInfo(text: string): RedisInfo {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

export function numberOf(info: RedisInfo, field: string): number | undefined {
  const text = info.get(field);
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/**
 * Sends INFO. 'denied': the user has no permission (NOPERM), or the server does not have the command (some managed
 * services).
 *
 * @throws CacheError if Redis does not reply
 */
export async function askInfo(
  connection: SupervisedConnection,
  ...command: readonly [string, ...string[]]
): Promise<RedisInfo | 'denied'> {
  const [name, ...args] = command;
  try {
    return parseInfo(String(await connection.call(name, ...args)));
  } catch (error) {
    if (error instanceof CommandError && (error.code === 'NOPERM' || error.code === 'ERR')) return 'denied';
    throw error;
  }
}
