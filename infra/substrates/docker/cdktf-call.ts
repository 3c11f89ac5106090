/**
 * Reads the command line of the parent `cdktf` process, because `cdktf` does not pass the requested stacks to the app.
 * The app creates passwords only for the requested stacks, and refuses a stack that another checkout owns.
 *
 * Options are not parsed: any word equal to the name of an environment counts as a stack.
 */
import { readFileSync } from 'node:fs';
import { basename, matchesGlob } from 'node:path';
import { KitError } from '../../../config/errors.ts';
import { runProgram } from '../../host/process.ts';

export interface CdktfCall {
  readonly verb: string;
  /** Words after the verb. */
  readonly words: readonly string[];
}

/** Maximum number of ancestor processes that are searched: `npx`, `npm` and shells may be between the two processes. */
const MOST_ANCESTORS = 6;

/** Returns the call; undefined if there is no `cdktf` ancestor, or if the system does not list processes. */
export async function cdktfCall(pid = process.ppid): Promise<CdktfCall | undefined> {
  let current = pid;
  for (let height = 0; height < MOST_ANCESTORS && current > 1; height += 1) {
    const found = await processAt(current);
    if (found === undefined) return undefined;
    const call = parseCall(found.words);
    if (call !== undefined) return call;
    current = found.parent;
  }
  return undefined;
}

/** Parses the words of a command line; undefined if it does not contain `cdktf`. Pure. */
export function parseCall(words: readonly string[]): CdktfCall | undefined {
  const at = words.findIndex((word) => ['cdktf', 'cdktf.js'].includes(basename(word)));
  const [verb, ...rest] = words.slice(at + 1).filter((word) => !word.startsWith('-'));
  return at === -1 || verb === undefined ? undefined : { verb, words: rest };
}

/** Verbs that read or change the resources of an environment. The other verbs only write or list text. */
const ACTING = new Set(['deploy', 'apply', 'destroy', 'diff', 'plan', 'watch']);

/**
 * Returns the names in the call, including those that a pattern matches; undefined if the call has no name or has a
 * negated pattern.
 *
 * @param names names of all environments
 */
export function namesIn(
  call: CdktfCall | undefined,
  names: readonly string[],
): readonly string[] | undefined {
  const words = call?.words ?? [];
  if (words.some((word) => word.includes('!'))) return undefined;
  const named = names.filter((name) =>
    words.some((word) => word === name || (/[*?[{]/.test(word) && matchesGlob(name, word))),
  );
  return named.length === 0 ? undefined : named;
}

/**
 * Refuses a call that names no environment. Otherwise every environment would be synthesised, with passwords for each,
 * before `cdktf` reported the error.
 *
 * @throws KitError `STACK_UNKNOWN`
 */
export function requireNamed(call: CdktfCall | undefined, names: readonly string[]): void {
  if (!isActing(call) || call?.words.some((word) => word.includes('!'))) return;
  if (namesIn(call, names) !== undefined) return;
  const { verb = '', words = [] } = call ?? {};
  throw new KitError(`cdktf ${[verb, ...words].join(' ')}: no environment from config/environments given`, {
    code: 'STACK_UNKNOWN',
    where: 'command line of cdktf',
    hint: `pass one of ${names.join(', ')}; for your own YAML file: KIT_STACKS=./mine.yaml npx cdktf ${verb} mine`,
  });
}

export const isActing = (call: CdktfCall | undefined): boolean => ACTING.has(call?.verb ?? '');

/** Returns whether the call only lists the names of the environments. */
export const isListing = (call: CdktfCall | undefined): boolean => call?.verb === 'list';

/** Returns whether the call creates missing resources. */
export const isDeploying = (call: CdktfCall | undefined): boolean =>
  ['deploy', 'apply', 'watch'].includes(call?.verb ?? '');

async function processAt(pid: number): Promise<{ words: readonly string[]; parent: number } | undefined> {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter((word) => word !== '');
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in field 2 may contain any character: start counting after it.
    return { words, parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) };
  } catch {
    return await processByPs(pid);
  }
}

/** Reads a process with `ps`, as a fallback without /proc. */
async function processByPs(pid: number): Promise<{ words: readonly string[]; parent: number } | undefined> {
  const asked = { command: 'ps', args: ['-ww', '-o', 'ppid=,args=', '-p', String(pid)], timeoutMs: 5_000 };
  const record = await runProgram(asked).catch(() => undefined);
  const [parent, ...words] = record?.stdout.trim().split(/\s+/) ?? [];
  return parent === undefined || words.length === 0 ? undefined : { words, parent: Number(parent) };
}
